#!/usr/bin/env python3
"""Writes the made-up exports of a shop that docs/guide.md walks through, as dirty as such files are.

    scripts/dirty_shop.py FOLDER

`orders.csv`: semicolons, decimal commas, NULL for what is missing, times that end with UTC, orders of people who were not
logged in. `events.csv`: what the same people looked at and put into the cart, by kind. `customers.csv` and `articles.csv`:
what is known of them, with blanks after commas. The same bytes at each run.
"""

import datetime
import pathlib
import random
import sys

CUSTOMERS, ARTICLES, ORDERS = 400, 240, 14
BEGIN = datetime.datetime(2024, 3, 1, 8, tzinfo=datetime.timezone.utc)
GROUPS = ["Garten", "Küche", "Bad", "Büro", "Spielzeug", "Sport"]


def utc(seconds):
    return (BEGIN + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S UTC")


def history(rng, customer):
    """Articles one after the other, mostly near ones, each with a moment."""
    article, seconds = (customer * 37) % ARTICLES, rng.randrange(20 * 86_400)
    for _ in range(ORDERS // 2 + rng.randrange(ORDERS)):
        near = (article + 1 + rng.randrange(3)) % ARTICLES
        article = near if rng.random() < 0.75 else int(ARTICLES * rng.random() ** 2)
        seconds += 60 + rng.randrange(3 * 86_400)
        yield article, seconds


def main(folder):
    rng = random.Random(22)
    folder.mkdir(parents=True, exist_ok=True)
    orders, events = [], []
    for customer in range(CUSTOMERS):
        for article, seconds in history(rng, customer):
            price = f"{5 + article % 40},{rng.randrange(100):02d}"
            # One order in twenty is of somebody who was not logged in.
            name = "NULL" if rng.random() < 0.05 else f"K{1000 + customer}"
            orders.append((seconds, name, f"A-{article:03d}", price))
            for kind, before in [("view", 900), ("cart", 300)]:
                if rng.random() < 0.6:
                    events.append((seconds - before, name, kind, f"A-{article:03d}"))
    lines = [f"{number};{name};{article};{utc(seconds)};{price}"
             for number, (seconds, name, article, price) in enumerate(sorted(orders), 1)]
    write(folder / "orders.csv", "Bestellung;Kunde;Artikel;Zeit;Preis", lines)
    write(folder / "events.csv", "zeit;kunde;art;artikel",
          [f"{utc(seconds)};{name};{kind};{article}" for seconds, name, kind, article in sorted(events)])
    write(folder / "customers.csv", "Kunde;Land;PLZ",
          [f"K{1000 + c};{rng.choice(['DE', 'AT', 'CH', 'NULL'])};{10000 + 7 * c}" for c in range(CUSTOMERS)])
    write(folder / "articles.csv", "Artikel;Bezeichnung;Gruppen;Gewicht",
          [f"A-{a:03d};\"Artikel {a}; neu\";{GROUPS[a * 6 // ARTICLES]}, {GROUPS[a % 6]};{a % 9},5" for a in range(ARTICLES)])


def write(path, header, lines):
    # As a spreadsheet writes it: a mark at the beginning, CRLF at the ends.
    path.write_bytes(("\ufeff" + "\r\n".join([header, *lines]) + "\r\n").encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
