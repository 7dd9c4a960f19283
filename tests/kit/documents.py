"""Documents as analysts bring them: numbered by a table of contents, by headings, not at all."""

from qantar.account.document import Document, Section, Sentence


def document_of(sentences: list[str], language: str) -> Document:
    """A document of these sentences, a paragraph each."""
    paragraphs = tuple((Sentence((1, n, 1), text, n),) for n, text in enumerate(sentences, 1))
    return Document("x", "", language, {}, (Section(1, "", 1, paragraphs),), "", "")


CHINESE = """---
title: 一次事件
date: 2022-01-10 00:00:00
---

# 一次事件
2022-1-9

https://example.org/p

目录
1.开头
2.经过与原因
3.结尾

开头
今年发生了一件大事。许多人说不清楚（！）这是为什么。
作者要讲一讲。

（一） 上篇
经过和原因
1月5日，大约有五千人来到阿克套的广场。因为价格上涨，人们很生气！
他们提出：
1.降低价格。
2.释放被捕者。

结尾
故事到此结束
"""

ENGLISH = """\
# A tale

Written in haste.

## How it began

On 2 January 2022 about 300 people met in Aktau. Mr. Smith was not
there. It was cold.

The price rise caused the anger, said the U.S. press.

- first demand
- second demand

## How it ended

Nobody knows.
"""

RUSSIAN = """\
Начало

В январе 2022 г. в Актау вышли около 300 человек. Причиной стало повышение цен. Люди шли по ул. Абая.

Конец

Из-за отключения интернета никто ничего не знал.
"""
