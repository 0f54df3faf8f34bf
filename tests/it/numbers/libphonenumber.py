"""Writes texts with telephone numbers, and what libphonenumber makes of each.

One line for a text: kind, region, text, number (E.164), extension, valid, possible, the number that was spelled.
Fields are separated by U+001F. The texts follow from the seed.
"""

import random
import sys

import phonenumbers as lib
from phonenumbers import PhoneNumberFormat as Form
from phonenumbers.phonemetadata import PhoneMetadata

REGIONS = (
    "AE AR AT AU BE BR CA CH CI CL CN CO CZ DE DK EG ES FI FR GB GR HK HU ID IE IL IN IT JP KR "
    "LT MX NG NL NO NZ PH PL PT RO RU SE SG TH TR UA US VN ZA"
).split()
TYPES = range(0, 11)
NUMBERS = int(sys.argv[2])
NOISE = int(sys.argv[3])

chance = random.Random(int(sys.argv[1]))
out = sys.stdout


def write(kind, region, text, truth=""):
    try:
        number = lib.parse(text, region)
    except lib.NumberParseException:
        number = None
    if number is None:
        fields = ["", "", "0", "0"]
    else:
        fields = [
            lib.format_number(number, Form.E164),
            number.extension or "",
            str(int(lib.is_valid_number(number))),
            str(int(lib.is_possible_number(number))),
        ]
    out.write("\x1f".join([kind, region, text] + fields + [truth]) + "\n")


def numbers():
    """Valid numbers of every region and type, by turning digits of the plan's example."""
    for region in REGIONS:
        for kind in TYPES:
            example = lib.example_number_for_type(region, kind)
            if example is None:
                continue
            national = lib.national_significant_number(example)
            found = set()
            for attempt in range(NUMBERS * 40):
                if len(found) == NUMBERS:
                    break
                keep = chance.randrange(2, max(3, len(national)))
                digits = national[:keep] + "".join(
                    chance.choice("0123456789") for _ in range(len(national) - keep)
                )
                try:
                    number = lib.parse("+%d%s" % (example.country_code, digits))
                except lib.NumberParseException:
                    continue
                same = lib.format_number(number, Form.E164) == "+%d%s" % (example.country_code, digits)
                if same and digits not in found and lib.is_valid_number_for_region(number, region):
                    found.add(digits)
                    yield region, number


def idd(region):
    """What is dialled there in front of a country code, where that is one thing."""
    prefix = PhoneMetadata.metadata_for_region(region).international_prefix or ""
    return prefix.replace("~", "") if prefix.replace("~", "").isdigit() else None


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def arabic(text):
    return "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in text)


def spellings(region, number):
    e164 = lib.format_number(number, Form.E164)
    code, national = str(number.country_code), lib.national_significant_number(number)
    international = lib.format_number(number, Form.INTERNATIONAL)
    at_home = lib.format_number(number, Form.NATIONAL)
    trunk = PhoneMetadata.metadata_for_region(region).national_prefix or ""
    abroad = "US" if region != "US" else "DE"
    for seen in (region, abroad):
        yield "e164", seen, e164
        yield "international", seen, international
        yield "rfc3966", seen, lib.format_number(number, Form.RFC3966)
        yield "brackets", seen, "(+%s) %s" % (code, national)
        yield "full width", seen, wide(international)
        yield "arabic digits", seen, arabic(international)
        yield "dashes", seen, international.replace(" ", "\u2013").replace("-", "\u2011")
        yield "dots", seen, international.replace(" ", ".")
        yield "blanks", seen, international.replace(" ", "\u00a0")
        yield "invisible marks", seen, "\u202a" + international[:6] + "\u200b" + international[6:] + "\u202c"
        yield "label", seen, "Tel.: " + international
        yield "remark", seen, international + " (office)"
        yield "digits apart", seen, "+" + " ".join(e164[1:])
        prefix = idd(seen)
        if prefix:
            yield "idd", seen, prefix + " " + international[1:]
        yield "double zero", seen, "00" + e164[1:]
        for words in (" ext. 12", " x12", " #12", ";ext=12", " доб. 12", " anexo 12", " ~12", " int 12", " xtn 12"):
            yield "extension", seen, international + words
        yield "tones", seen, international + ",,77#"
        yield "code", seen, "*31#" + e164
        if trunk and len(national) > 7:
            yield "trunk in brackets", seen, "+%s (%s) %s" % (code, trunk, national)
            yield "trunk behind the country", seen, "+%s %s %s" % (code, trunk, national)
    yield "national", region, at_home
    yield "national dots", region, at_home.replace(" ", ".")
    yield "national slash", region, at_home.replace(" ", "/", 1)
    yield "national full width", region, wide(at_home)
    yield "national label", region, "Phone " + at_home
    yield "national extension", region, at_home + " ext 12"
    yield "national code", region, "#31#" + at_home
    if trunk and "".join(c for c in at_home if c.isdigit()) == trunk + national:
        yield "trunk", region, trunk + national
    yield "bare", region, national
    yield "no plus", region, code + national
    yield "two", region, "%s, %s" % (at_home, international)


def noise():
    marks = " -./()+*#,;x~:"
    for _ in range(NOISE):
        region = chance.choice(REGIONS)
        which = chance.randrange(6)
        digits = lambda n: "".join(chance.choice("0123456789") for _ in range(n))
        if which == 0:
            yield "random digits", region, digits(chance.randrange(1, 18))
        elif which == 1:
            yield "random digits with a plus", region, "+" + digits(chance.randrange(1, 18))
        elif which == 2:
            yield "random marks", region, "".join(
                chance.choice(marks) if chance.random() < 0.3 else chance.choice("0123456789")
                for _ in range(chance.randrange(3, 24))
            )
        elif which == 3:
            yield "date", region, "%02d.%02d.%d" % (chance.randrange(1, 29), chance.randrange(1, 13), chance.randrange(1950, 2030))
        elif which == 4:
            yield "spreadsheet", region, "%d.%sE+%s" % (chance.randrange(1, 10), digits(2), chance.randrange(9, 13))
        else:
            yield "name", region, chance.choice(["skype:anna", "maxi", "t.me/tom", "signal:ida"]) + digits(chance.randrange(1, 5))


for region, number in numbers():
    truth = lib.format_number(number, Form.E164)
    for kind, seen, text in spellings(region, number):
        write(kind, seen, text, truth)
for kind, region, text in noise():
    write(kind, region, text)
