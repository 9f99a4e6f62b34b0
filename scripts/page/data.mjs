// Events of an invented cinema, so that pictures of the page hold no data of others: `node data.mjs FOLDER` writes
// cinema.csv (events), films.csv (titles, genres, year, country), guests.csv (age, plan), and plain.csv (neither titles
// nor attributes).

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FIRST =
  "Quiet Red Last Second Broken Golden Hidden Northern Silent Paper Iron Velvet Distant Electric Lonely Borrowed Winter Salt Glass Midnight".split(
    " ",
  );
const SECOND =
  "Harbour Garden Letter Station Mirror Engine Orchard Signal Lantern Bridge Archive Compass Violin Horizon Desert Theatre River Island Clock Parade".split(
    " ",
  );
const GENRES = ["Adventure", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Romance", "Science Fiction"];
const COUNTRIES = ["Iceland", "Portugal", "Japan", "Chile", "Canada", "New Zealand"];
/** What must reach the page as text. */
export const HOSTILE = `<script>document.title="broken"</script> & <img src=x onerror="document.title='broken'">`;

/** Ids with what has a meaning in addresses, of a film and of a guest. */
export const ODD = { film: "5/7 #½ %41?", guest: "guest/9 & #½" };

/** Numbers from 0 to 1, the same in each run (mulberry32). */
function stream(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const quoted = text => `"${text.replaceAll('"', '""')}"`;

function films(random) {
  const titles = FIRST.flatMap(first => SECOND.map(second => `The ${first} ${second}`));
  for (let i = titles.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [titles[i], titles[j]] = [titles[j], titles[i]];
  }
  return titles.map((title, i) => {
    const genre = i % GENRES.length;
    const genres = random() < 0.4 ? [genre, (genre + 1 + Math.floor(random() * 7)) % GENRES.length] : [genre];
    const year = 1950 + Math.floor(random() ** 0.6 * 74);
    const country = COUNTRIES[Math.floor(random() ** 2 * COUNTRIES.length)];
    return {
      id: i === 301 ? ODD.film : 1000 + i,
      title: i === 300 ? HOSTILE : `${title} (${year})`,
      genres: genres.map(g => GENRES[g]),
      year,
      country,
    };
  });
}

/** Who likes a genre goes on within it, near the film before. */
function events(random, n_films) {
  const rows = [];
  const popular = () => Math.floor(random() ** 2.2 * n_films);
  for (let user = 1; user <= 900; user++) {
    let [film, time_s] = [popular(), Date.UTC(2023, 0, 1) / 1000 + Math.floor(random() * 400 * 86400)];
    const met = new Set();
    for (let n = 8 + Math.floor(random() * 32); n > 0; n--) {
      if (!met.has(film)) rows.push({ user: user === 900 ? ODD.guest : user, film, time_s });
      met.add(film);
      time_s += 3600 + Math.floor(random() * 9 * 86400);
      const near = film + GENRES.length * (1 + Math.floor(random() * 5)) * (random() < 0.5 ? 1 : -1);
      film = random() < 0.75 ? (near + n_films) % n_films : popular();
    }
  }
  return rows;
}

if (process.argv[1].endsWith("data.mjs")) {
  const folder = process.argv[2];
  mkdirSync(folder, { recursive: true });
  const random = stream(25);
  const all = films(random);
  const rows = events(random, all.length);
  const write = (name, lines) => writeFileSync(join(folder, name), lines.join("\n") + "\n");
  write("films.csv", [
    "film,title,genres,year,country",
    ...all.map(film =>
      [film.id, quoted(film.title), quoted(film.genres.join("|")), film.year, film.country].join(","),
    ),
  ]);
  write("cinema.csv", ["user,film,time", ...rows.map(row => [row.user, all[row.film].id, row.time_s].join(","))]);
  const guest = user =>
    [
      user === 900 ? ODD.guest : user,
      ["18-29", "30-44", "45-59", "60+"][user % 4],
      user % 3 ? "monthly" : "yearly",
    ].join(",");
  write("guests.csv", ["user,age,plan", ...Array.from({ length: 900 }, (_, i) => guest(i + 1))]);
  write("plain.csv", [
    "user,item,time",
    ...rows
      .slice(0, 6000)
      .map(row => [`customer-${row.user}`, `SKU-${(row.film * 7919).toString(16)}`, row.time_s].join(",")),
  ]);
}
