study test:
	@python3 dev.py $@
