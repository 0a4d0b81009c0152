"""Twenty texts of varied length and script, to hold real models to their references."""

TEXTS = [
    "The capital of France is",
    "A cat sleeps on the sofa.",
    "x",
    "Hello, world! How are you today?",
    "the quick brown fox jumps over the lazy dog",
    "I never thought that a film about paint drying could be so moving, but here we are.",
    "Не всё то золото, что блестит.",
    "東京は日本の首都です。",
    "Crème brûlée, naïve café, Ångström",
    "def f(x):\n    return x * x  # square",
    "¿Dónde está la biblioteca?",
    "مرحبا بالعالم",
    "3.14159 and 2.71828, 1,000,000 and 42%",
    "Emoji \U0001f600\U0001f680 and symbols \u2200x \u2208 \u211d",
    "UPPER lower MiXeD",
    "A tab\tand a  double space, and a trailing one ",
    "Antidisestablishmentarianism is pneumonoultramicroscopicsilicovolcanoconiosis's neighbour.",
    "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer the slings and arrows of "
    "outrageous fortune, or to take arms against a sea of troubles, and by opposing end them.",
    "한국어 문장입니다.",
    "Wer reitet so spät durch Nacht und Wind? Es ist der Vater mit seinem Kind; er hat den Knaben wohl in dem Arm, "
    "er faßt ihn sicher, er hält ihn warm.",
]
