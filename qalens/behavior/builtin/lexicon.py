"""Words that fill the slots of the built-in templates; names of places, rivers and ships are invented."""

from __future__ import annotations

WOMEN = (
    "Ada",
    "Clara",
    "Ines",
    "Nora",
    "Marta",
    "Edith",
    "Ruth",
    "Alice",
    "Judith",
    "Hanna",
    "Laura",
    "Sophie",
)
MEN = (
    "Tobias",
    "Pavel",
    "Martin",
    "Oscar",
    "Hugo",
    "Felix",
    "Daniel",
    "Victor",
    "Simon",
    "Arthur",
    "Peter",
    "Jonas",
)
NAMES = WOMEN + MEN
SURNAMES = (
    "Marlow",
    "Valcourt",
    "Dorn",
    "Ashby",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Hartwell",
    "Brandt",
    "Ferris",
)
TOWNS = (
    "Dorwick",
    "Lanmouth",
    "Estham",
    "Kelby",
    "Varnholt",
    "Penrow",
    "Tarsk",
    "Merrivale",
    "Brinford",
    "Caldow",
)
RIVERS = ("Aldane", "Tirrow", "Nerrin", "Korra", "Ember", "Lune", "Sarn", "Wyle")
SHIPS = ("Petrel", "Halcyon", "Meridian", "Kestrel", "Aurora", "Corvina")
INVENTED = ("Orvane", "Teldra", "Marvik", "Sulenne", "Quorrin", "Brastel")
PLACES = ("mill", "library", "theatre", "school", "museum", "bakery", "hospital", "hotel")
JOBS = ("nurse", "farmer", "teacher", "baker", "lawyer", "painter", "pilot", "gardener", "singer", "dentist")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
YEARS = tuple(str(year) for year in range(1851, 1999, 7))
# Of one person: the years of birth and death.
LIVES = tuple(
    (str(birth), str(birth + age)) for birth, age in zip(range(1801, 1901, 9), range(52, 88, 3), strict=True)
)
NUMBERS = tuple(str(number) for number in range(12, 96, 5))
# What was done in the text, to what, and the same verb in other words.
SYNONYMS = (
    ("repaired", "the clock", "fixed"),
    ("purchased", "the boat", "bought"),
    ("constructed", "the pier", "built"),
    ("concealed", "the letter", "hid"),
    ("shut", "the gate", "closed"),
    ("assisted", "the doctor", "helped"),
    ("discovered", "the cave", "found"),
    ("selected", "the colours", "chose"),
    ("rescued", "the cat", "saved"),
    ("commenced", "the concert", "started"),
)
# What happened in the text, and its opposite in the question.
ANTONYMS = (
    ("price of tin", "rose", "fall"),
    ("price of salt", "fell", "rise"),
    ("river", "rose", "fall"),
    ("school", "opened", "close"),
    ("library", "closed", "open"),
    ("population of the valley", "grew", "shrink"),
    ("strike of the miners", "ended", "begin"),
    ("war with the north", "began", "end"),
    ("lake", "froze", "thaw"),
    ("tax on glass", "increased", "decrease"),
)
OPPOSITES = (
    ("taller", "shorter"),
    ("older", "younger"),
    ("faster", "slower"),
    ("richer", "poorer"),
    ("stronger", "weaker"),
    ("heavier", "lighter"),
    ("quieter", "louder"),
    ("happier", "sadder"),
)
# One person did this to another; the past is the participle as well.
DEEDS = (
    "hired",
    "helped",
    "followed",
    "invited",
    "called",
    "warned",
    "thanked",
    "replaced",
    "defeated",
    "rescued",
)
# Past for the text and the question.
EVENTS = (
    "arrived",
    "left the party",
    "joined the choir",
    "finished the test",
    "learned to swim",
    "reached the summit",
)
THINGS = ("tower", "statue", "crane", "column", "chimney", "lighthouse")
CARGOES = ("salt", "timber", "copper", "coffee", "marble", "wool")
UNRELATED = (
    "Yellow umbrellas were sold out everywhere that week.",
    "A fox had dug a hole beneath the old apple tree.",
    "Fresh snow covered the fields in the early morning.",
    "The soup of the day was made of leeks and carrots.",
    "Somebody had forgotten a pair of green gloves on the bench.",
    "A brass band practised behind the football ground.",
)
