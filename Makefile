study test evidence:
	@python3 dev $@
