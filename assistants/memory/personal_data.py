from config.personal import Holding

HELD: list[Holding] = []
