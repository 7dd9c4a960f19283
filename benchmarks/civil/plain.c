/* The rules of qantar.classics.epstein in plain C, with the same draws: what comes out must be the same, tick by tick.
   Arguments: side, vision, ticks, seed, rounding (0 as it stands, 1 whole part, 2 rounded). Prints actives of each tick, then seconds. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIES = 32, SLOTS = 64, STUDY = 11 };
static const int64_t PEOPLE = (1LL << 31) + 1, ORDER = (1LL << 31) + 2, ACTS = (1LL << 31) + 3;
static const double LEGITIMACY = 0.82, K = 2.3, THRESHOLD = 0.1, CITIZENS = 0.70, COPS = 0.04;
static const int TERM_MAX = 30;

typedef struct { uint64_t one, two; } Keys;

static Keys keys_of(uint64_t seed, uint64_t key, uint64_t b) {
    const uint64_t low = 0xFFFFFFFF;
    uint64_t c0 = low, c1 = b & low, c2 = 0xFF | (((b >> 32) & 0xFF) << 8) | ((uint64_t)STUDY << 16), c3 = key & low;
    uint64_t k0 = seed & low, k1 = seed >> 32;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = 0xD2511F53ULL * c0, p1 = 0xCD9E8D57ULL * c2;
        c0 = (p1 >> 32) ^ c1 ^ k0; c1 = p1 & low; c2 = (p0 >> 32) ^ c3 ^ k1; c3 = p0 & low;
        k0 = (k0 + 0x9E3779B9) & low; k1 = (k1 + 0xBB67AE85) & low;
    }
    Keys keys = {(c1 << 32) | c0, (c3 << 32) | c2};
    return keys;
}

static inline uint64_t word(uint64_t i, Keys keys) {
    uint64_t z = i * 0x9E3779B97F4A7C15ULL + keys.one;
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL) ^ keys.two;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static inline int64_t below(uint64_t i, Keys keys, uint64_t n) { return (int64_t)(((word(i, keys) >> 32) * n) >> 32); }
static inline double unit(uint64_t w) { return ((double)(w >> 12) + 0.5) / 4503599627370496.0; }

static int64_t side, vision, n_disc, n_cops, people;
static int32_t *half, *right_of, *down, *cell, *term, *order, *first, *following;
static int16_t *here, *cops_seen, *active_seen;
static double *grievance, *aversion;
static uint8_t *active;

static void spread(int16_t *seen, int64_t c, int16_t change) {
    int64_t y = c / side, x = c % side;
    for (int64_t row = -vision; row <= vision; row++) {
        int64_t h = half[row + vision], start = (y + row + side) % side * side, left = x - h, right = x + h + 1;
        for (int64_t k = start + (left > 0 ? left : 0); k < start + (right < side ? right : side); k++) seen[k] += change;
        for (int64_t k = start + side + (left < 0 ? left : 0); k < start + side; k++) seen[k] += change;
        for (int64_t k = start; k < start + (right > side ? right - side : 0); k++) seen[k] += change;
    }
}

static inline int64_t at(int64_t row, int64_t column, int64_t k) {
    int64_t y = row + down[k], x = column + right_of[k];
    y += y < 0 ? side : (y >= side ? -side : 0);
    x += x < 0 ? side : (x >= side ? -side : 0);
    return y * side + x;
}

static int64_t free_cell(int64_t c, uint64_t number, Keys keys) {
    int64_t row = c / side, column = c % side, found, free = 0;
    for (int k = 0; k < TRIES; k++) {
        found = at(row, column, below(number + k, keys, n_disc));
        if (here[found] == 0) return found;
    }
    for (int64_t k = 0; k < n_disc; k++) free += here[at(row, column, k)] == 0;
    if (free == 0) return c;
    int64_t left = below(number + TRIES, keys, free);
    for (int64_t k = 0; k < n_disc; k++) {
        found = at(row, column, k);
        if (here[found] == 0 && left-- == 0) return found;
    }
    return c;
}

static void enter(int64_t c, int32_t who) { following[who] = first[c]; first[c] = who; }

static void leave(int64_t c, int32_t who) {
    if (first[c] == who) { first[c] = following[who]; return; }
    int32_t other = first[c];
    while (following[other] != who) other = following[other];
    following[other] = following[who];
}

static void set_active(int32_t who, int now) {
    active[who] = (uint8_t)now;
    spread(active_seen, cell[who], now ? 1 : -1);
    if (now) enter(cell[who], who); else leave(cell[who], who);
}

static void move(int32_t who, int32_t to) {
    if (who < n_cops) {
        spread(cops_seen, cell[who], -1);
        spread(cops_seen, to, 1);
        cell[who] = to;
    } else {
        set_active(who, 0);
        cell[who] = to;
        set_active(who, 1);
    }
}

static int32_t one_seen(int64_t c, int64_t left) {
    int64_t row = c / side, column = c % side;
    for (int64_t k = 0; k < n_disc; k++)
        for (int32_t who = first[at(row, column, k)]; who >= 0; who = following[who])
            if (left-- == 0) return who;
    return -1;
}

static void shuffle(int32_t *list, int64_t n, Keys keys) {
    for (int64_t k = n - 1; k > 0; k--) {
        int64_t other = below(k, keys, k + 1);
        int32_t kept = list[k]; list[k] = list[other]; list[other] = kept;
    }
}

static int64_t tick(uint64_t seed, uint64_t t, int rounding) {
    Keys acts = keys_of(seed, ACTS, t);
    shuffle(order, people, keys_of(seed, ORDER, t));
    for (int64_t k = 0; k < people; k++) {
        int32_t who = order[k];
        if (term[who] > 0) continue;
        int64_t c = free_cell(cell[who], (uint64_t)who * SLOTS, acts);
        here[cell[who]]--;
        here[c]++;
        if (who < n_cops || active[who]) move(who, c); else cell[who] = c;
        if (who < n_cops) {
            if (active_seen[c] > 0) {
                int32_t suspect = one_seen(c, below((uint64_t)who * SLOTS + TRIES + 1, acts, active_seen[c]));
                set_active(suspect, 0);
                term[suspect] = (int32_t)below((uint64_t)who * SLOTS + TRIES + 2, acts, TERM_MAX);
                here[cell[suspect]] += 1 - (term[suspect] > 0);
                here[c]--;
                move(who, cell[suspect]);
            }
        } else if (grievance[who] > THRESHOLD) {
            double ratio = (double)cops_seen[c] / (1 + active_seen[c]);
            if (rounding == 1) ratio = floor(ratio); else if (rounding == 2) ratio = rint(ratio);
            int now = grievance[who] - aversion[who] * (1 - exp(-K * ratio)) > THRESHOLD;
            if (now != active[who]) set_active(who, now);
        }
    }
    int64_t actives = 0;
    for (int64_t who = n_cops; who < people; who++) {
        actives += active[who];
        if (term[who] > 0 && --term[who] == 0) here[cell[who]]++;
    }
    return actives;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    side = atoll(argv[1]); vision = atoll(argv[2]);
    int64_t ticks = atoll(argv[3]), cells = side * side; uint64_t seed = strtoull(argv[4], NULL, 10); int rounding = atoi(argv[5]);
    n_cops = llrint(COPS * cells); people = n_cops + llrint(CITIZENS * cells);
    half = calloc(2 * vision + 1, 4); right_of = calloc(4 * (vision + 1) * (vision + 1), 4); down = calloc(4 * (vision + 1) * (vision + 1), 4);
    cell = calloc(cells, 4); term = calloc(people, 4); order = calloc(people, 4); first = calloc(cells, 4); following = calloc(people, 4);
    here = calloc(cells, 2); cops_seen = calloc(cells, 2); active_seen = calloc(cells, 2); active = calloc(people, 1);
    grievance = calloc(people, 8); aversion = calloc(people, 8);
    for (int64_t row = -vision; row <= vision; row++) {
        int32_t h = half[row + vision] = (int32_t)sqrt((double)(vision * vision - row * row));
        for (int32_t x = -h; x <= h; x++) { right_of[n_disc] = x; down[n_disc++] = (int32_t)row; }
    }
    for (int64_t k = 0; k < cells; k++) { cell[k] = (int32_t)k; first[k] = -1; }
    shuffle(cell, cells, keys_of(seed, PEOPLE, 0));
    Keys one = keys_of(seed, PEOPLE, 1), two = keys_of(seed, PEOPLE, 2);
    for (int64_t who = 0; who < people; who++) {
        grievance[who] = unit(word(who, one)) * (1 - LEGITIMACY); aversion[who] = unit(word(who, two));
        order[who] = (int32_t)who; here[cell[who]] = 1;
        if (who < n_cops) spread(cops_seen, cell[who], 1);
    }
    struct timespec begun, ended;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    for (int64_t t = 0; t < ticks; t++) printf("%lld\n", (long long)tick(seed, t, rounding));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    printf("%.6f\n", (ended.tv_sec - begun.tv_sec) + 1e-9 * (ended.tv_nsec - begun.tv_nsec));
    return 0;
}
