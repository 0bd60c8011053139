"""Common names, places and things of four countries: the vocabulary the company is written with.

Everything here is generic: frequent first and last names, invented firms, documentation addresses.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.object_]

COUNTRIES: Final = ("US", "GB", "DE", "FR")
COUNTRY_SHARES: Final = (0.45, 0.25, 0.20, 0.10)
CURRENCIES: Final = ("USD", "GBP", "EUR", "EUR")
LOCALES: Final = ("en-US", "en-GB", "de-DE", "fr-FR")
COUNTRY_SPELLINGS: Final = (
    ("United States", "US", "USA"),
    ("United Kingdom", "GB", "UK"),
    ("Germany", "DE", "Deutschland"),
    ("France", "FR", "France"),
)


def texts(words: str | Iterable[str | None]) -> Texts:
    """Words (a text is split at white space) as an object array, to be picked from by index."""
    listed: list[str | None] = [*words.split()] if isinstance(words, str) else [*words]
    found = np.empty(len(listed), dtype=object)
    found[:] = listed
    return found


_FIRST_US_GB = """
James Robert/Bob John Michael/Mike David/Dave William/Will Richard/Rick Joseph/Joe Thomas/Tom Christopher/Chris
Charles/Charlie Daniel/Dan Matthew/Matt Anthony/Tony Mark Steven/Steve Andrew/Andy Joshua/Josh Kenneth/Ken Kevin
Brian George Timothy/Tim Ronald/Ron Edward/Ed Jason Jeffrey/Jeff Ryan Jacob/Jake Nicholas/Nick Gary Eric
Jonathan/Jon Stephen/Steve Larry Justin Scott Brandon Benjamin/Ben Samuel/Sam Gregory/Greg Alexander/Alex
Patrick/Pat Frank Raymond/Ray Jack Dennis Jerry Tyler Aaron Henry/Harry Adam Nathan/Nate Peter/Pete Zachary/Zach
Kyle Noah Mary Patricia/Pat Jennifer/Jenny Linda Elizabeth/Liz Barbara/Barb Susan/Sue Jessica/Jess Karen Sarah Lisa
Nancy Sandra Betty Ashley Emily/Em Kimberly/Kim Margaret/Maggie Donna Michelle Carol Amanda/Mandy Melissa/Mel
Deborah/Debbie Stephanie/Steph Rebecca/Becky Sharon Laura Cynthia/Cindy Dorothy/Dot Amy Kathleen/Kathy Angela/Angie
Shirley Emma Brenda Pamela/Pam Nicole/Nicky Anna Samantha/Sam Katherine/Kate Christine/Chris Debra/Deb Rachel
Carolyn Janet Maria Olivia/Liv Heather Helen Catherine/Cathy Diane Julie Victoria/Vicky Joyce Lauren Kelly
Christina/Tina Joan Evelyn Judith/Judy Andrea Hannah Megan/Meg Cheryl Jacqueline/Jackie Martha Madison/Maddie
Teresa/Terri Gloria Abigail/Abby Priya Fatima Aisha Mohammed Wei Mei Carlos Jose Luis Sofia Gabriela/Gaby Kwame
Chidi Ngozi
"""
_FIRST_DE = """
Maximilian/Max Alexander/Alex Paul Leon Lukas Jonas Felix Elias Sebastian/Basti Johannes/Hannes Tobias/Tobi
Florian/Flo Matthias/Matze Michael/Michi Thomas/Tom Andreas/Andi Stefan Christian/Chris Martin Wolfgang/Wolf Klaus
Jürgen Günther Friedrich/Fritz Heinrich/Heinz Joachim/Jochen Benjamin/Ben Dominik/Dom Philipp Fabian Jörg Uwe Dirk
Sven Björn Katharina/Kathi Elisabeth/Lisa Anna Maria Sophie Johanna/Hanna Christina/Tina Stefanie/Steffi
Susanne/Susi Sabine Andrea Petra Monika/Moni Claudia Birgit Ursula/Uschi Angelika/Geli Franziska/Franzi
Magdalena/Leni Charlotte/Lotte Annika Julia/Jule Lena Laura Lea Theresa/Resi Alexandra/Alex Jennifer/Jenny Nicole
Melanie/Melli Heike Jutta
"""
_FIRST_FR = """
Jean Pierre Michel Philippe Nicolas/Nico Christophe/Chris Alexandre/Alex Sébastien/Seb Frédéric/Fred Guillaume
Olivier Laurent François Thomas/Tom Julien Antoine Maxime/Max Mathieu Benoît Stéphane/Steph Marie Isabelle/Isa
Catherine/Cathy Nathalie Sophie Véronique/Véro Christine Sylvie Céline Sandrine Valérie/Val Émilie Camille Juliette
Stéphanie/Steph Élodie Chloé Manon Léa Dominique/Dom Jacqueline/Jackie Geneviève Margaux Aurélie Anaïs
Alexandra/Alex Gabrielle/Gaby
"""
_LAST_US = """
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson
Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young
Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter
Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers
Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez
Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez
Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Fisher Vasquez Simmons Graham Murray Ford
O'Brien O'Connor
"""
_LAST_GB = """
Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green
Hall Wood Jackson Clarke Patel Khan Lewis James Phillips Mason Mitchell Rose Davis Rodgers Hughes Edwards Cooper
Ward Morris Harrison Morgan Baker Turner Carter Hill Moore Clark Lee King Harris Allen Ahmed Scott Watson Bell Young
Murphy Begum Richardson Cook Stevens Marshall Palmer Shaw Simpson Chapman Webb Griffiths Fraser MacDonald O'Neill
Kelly Knight Lloyd Butler Russell Barker Fletcher Hussain Singh Dixon Hunt Pearson Grant Holmes Gibson Fisher
Andrews Ellis Price Llewellyn-Jones Ashworth Hargreaves Pemberton Whitworth Kaur Barnes Armstrong Bennett Atkinson
Saunders Booth Gill
"""
_LAST_DE = """
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid
Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn
Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon
Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas
Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Yilmaz Kaya Demir Nowak Kowalski Petrović
"""
_LAST_FR = """
Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux David
Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure André Mercier
Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry
Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun Blanchard
Giraud Joly Rivière
"""


def _fold(word: str) -> str:
    """Lower-case letters as an address is made of them: umlauts written out, accents and punctuation dropped."""
    for accented, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        word = word.lower().replace(accented, plain)
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain if letter.isalpha())


def _lexicon(*lists: str) -> tuple[Texts, Texts, Texts, list[npt.NDArray[np.int64]]]:
    """Distinct words of all lists, folded, short forms (None where there is none), and each list as indices."""
    index: dict[str, int] = {}
    nick: dict[str, str | None] = {}
    members: list[npt.NDArray[np.int64]] = []
    for words in lists:
        ids = []
        for entry in words.split():
            word, _, short = entry.partition("/")
            index.setdefault(word, len(index))
            nick[word] = nick.get(word) or short or None
            ids.append(index[word])
        members.append(np.array(ids, dtype=np.int64))
    return texts(index), texts(_fold(word) for word in index), texts(nick[word] for word in index), members


FIRST, FIRST_FOLDED, FIRST_NICK, FIRST_OF = _lexicon(_FIRST_US_GB, _FIRST_US_GB, _FIRST_DE, _FIRST_FR)
LAST, LAST_FOLDED, _, LAST_OF = _lexicon(_LAST_US, _LAST_GB, _LAST_DE, _LAST_FR)
HAS_NICK = np.array([nick is not None for nick in FIRST_NICK])

PROVIDERS: Final = (
    texts(("gmail.com", "gmail.com", "gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com", "aol.com")),
    texts(("gmail.com", "gmail.com", "hotmail.co.uk", "outlook.com", "btinternet.com", "icloud.com", "yahoo.co.uk")),
    texts(("gmx.de", "web.de", "gmail.com", "t-online.de", "outlook.de", "freenet.de", "icloud.com")),
    texts(("gmail.com", "orange.fr", "free.fr", "hotmail.fr", "laposte.net", "outlook.fr")),
)
# What people type instead.
DOMAIN_SLIPS: Final = {
    "gmail.com": "gmial.com",
    "yahoo.com": "yaho.com",
    "hotmail.com": "hotmial.com",
    "outlook.com": "outlok.com",
    "icloud.com": "iclod.com",
    "web.de": "wen.de",
    "gmx.de": "gmx.ed",
    "orange.fr": "oragne.fr",
}

CITIES: Final = (
    (
        ("Portland", "972{}", ("503", "971")),
        ("Austin", "787{}", ("512", "737")),
        ("Chicago", "606{}", ("312", "773")),
        ("Denver", "802{}", ("303", "720")),
        ("Boston", "021{}", ("617", "857")),
        ("Atlanta", "303{}", ("404", "678")),
        ("Seattle", "981{}", ("206", "425")),
        ("Phoenix", "850{}", ("602", "480")),
        ("Miami", "331{}", ("305", "786")),
        ("Columbus", "432{}", ("614", "380")),
    ),
    (
        ("London", "N1 {}AB", ()),
        ("Manchester", "M1 {}PQ", ()),
        ("Leeds", "LS1 {}DE", ()),
        ("Bristol", "BS1 {}TR", ()),
        ("Glasgow", "G1 {}HX", ()),
        ("Cardiff", "CF10 {}NN", ()),
        ("Brighton", "BN1 {}GE", ()),
    ),
    (
        ("Berlin", "101{}", ()),
        ("München", "803{}", ()),
        ("Hamburg", "200{}", ()),
        ("Köln", "506{}", ()),
        ("Frankfurt am Main", "603{}", ()),
        ("Stuttgart", "701{}", ()),
        ("Leipzig", "041{}", ()),
    ),
    (
        ("Paris", "750{}", ()),
        ("Lyon", "690{}", ()),
        ("Marseille", "130{}", ()),
        ("Toulouse", "310{}", ()),
        ("Nantes", "440{}", ()),
    ),
)
STREETS: Final = (
    texts(("Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Park Blvd", "Washington St", "Lake Rd", "2nd Ave", "Elm St")),
    texts(("High Street", "Station Road", "Church Lane", "Victoria Road", "Mill Lane", "Queen's Road", "The Crescent")),
    texts(("Hauptstraße", "Bahnhofstraße", "Gartenweg", "Schulstraße", "Lindenallee", "Am Markt", "Goethestraße")),
    texts(("rue de la République", "avenue Victor-Hugo", "rue du Moulin", "place de l'Église", "rue des Lilas")),
)

FIRM_HEADS: Final = texts(
    """Alder Amber Anchor Arbor Ash Aurora Beacon Birch Blue Bramble Bright Brook Canopy Cedar Cinder Clear Clover
    Cobalt Copper Coral Crane Crescent Delta Drift Eagle Echo Elm Ember Evergreen Falcon Fern Field Flint Forge
    Fox Garnet Glacier Granite Harbor Harvest Hazel Heron Highland Hollow Indigo Iron Ivy Jade Juniper Kestrel
    Lantern Larch Laurel Lumen Lynx Maple Marble Meadow Merlin Mesa Mill Mist Moor Moss North Oak Ocean Olive
    Onyx Opal Orchard Osprey Otter Pebble Pine Polar Prairie Quarry Quill Raven Redwood Ridge River Robin Rowan
    Saffron Sage Sierra Silver Slate Sparrow Spruce Stone Summit Swift Teal Thistle Timber Topaz Vale Velvet
    Violet Walnut Willow Winter Wren"""
)
FIRM_TAILS: Final = texts(
    """Analytics Architects Bakery Biotech Capital Ceramics Clinics Coffee Components Consulting Dental Design Dynamics
    Education Electric Energy Engineering Films Finance Foods Freight Furniture Gardens Health Hotels Insurance
    Interiors Labs Legal Logistics Machinery Marine Media Metals Mobility Networks Optics Outdoor Packaging
    Paper Partners Pharma Print Properties Robotics Security Software Solar Sports Studios Systems Textiles
    Tools Toys Travel Ventures Water Works"""
)
FIRM_SUFFIXES: Final = (
    texts(("Inc.", "LLC", "Corp.", "Inc.")),
    texts(("Ltd", "Limited", "PLC", "Ltd")),
    texts(("GmbH", "GmbH & Co. KG", "AG", "GmbH")),
    texts(("SARL", "SAS", "SA", "SAS")),
)
INDUSTRIES: Final = texts(
    ("Technology", "Healthcare", "Manufacturing", "Retail", "Finance", "Education", "Hospitality", "Transportation")
)
TITLES: Final = texts(
    (
        "Office Manager",
        "Head of Operations",
        "CEO",
        "Purchasing Manager",
        "Facilities Manager",
        "Sales Director",
        "Marketing Manager",
        "Software Engineer",
        "VP Finance",
        "HR Manager",
        "Executive Assistant",
        "Procurement Lead",
    )
)
LEAD_SOURCES: Final = texts(("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade Show", "Other"))

# A shop that sells coffee and what belongs to it, to offices and to people: id, sku, name, category, price in cents.
PRODUCTS: Final = tuple(
    (f"p{number:03d}", sku, name, category, cents)
    for number, (sku, name, category, cents) in enumerate(
        (
            ("BEAN-HSE-250", "House Espresso 250 g", "beans", 790),
            ("BEAN-HSE-1K", "House Espresso 1 kg", "beans", 2449),
            ("BEAN-ETH-250", "Ethiopia Filter 250 g", "beans", 1095),
            ("BEAN-COL-250", "Colombia Filter 250 g", "beans", 985),
            ("BEAN-DEC-250", "Decaf 250 g", "beans", 899),
            ("BEAN-SMP-4", "Sampler, four roasts", "beans", 1999),
            ("TEA-EGR-100", "Earl Grey 100 g", "tea", 649),
            ("TEA-SEN-100", "Sencha 100 g", "tea", 879),
            ("MUG-STO-1", "Stoneware mug", "cups", 1450),
            ("MUG-STO-6", "Stoneware mugs, six", "cups", 7995),
            ("CUP-GLS-2", "Double-wall glasses, two", "cups", 2190),
            ("CUP-TRV-1", "Travel cup", "cups", 2399),
            ("GRD-HND-1", "Hand grinder", "equipment", 8900),
            ("GRD-ELC-1", "Electric grinder", "equipment", 24950),
            ("KET-GSN-1", "Gooseneck kettle", "equipment", 6999),
            ("DRP-CER-1", "Ceramic dripper", "equipment", 2295),
            ("SCL-DIG-1", "Digital scale", "equipment", 3949),
            ("MAC-HOM-1", "Home espresso machine", "machines", 64900),
            ("MAC-OFF-1", "Office machine", "machines", 189900),
            ("FLT-PAP-100", "Paper filters, 100", "supplies", 535),
            ("CLN-TAB-60", "Cleaning tablets, 60", "supplies", 1289),
            ("SUB-OFF-M", "Office subscription, month", "subscriptions", 12900),
        ),
        start=1,
    )
)

# Generic strings that reach identifier fields because a form insisted on one.
JUNK_EMAILS: Final = texts(("test@test.com", "test@test.com", "noreply@example.com", "none@none.com", "asdf@asdf.com"))
JUNK_PHONES: Final = texts(("0000000000", "0000000000", "1111111111", "1234567890", "9999999999"))
