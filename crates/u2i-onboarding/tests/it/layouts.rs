//! Thirty layouts of files as people have them, with what they hold planted: none is misread without a word.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use u2i::ErrorKind;
use u2i::config::DataSource;
use u2i_features::{AttributesConfig, DataConfig, TablesConfig};
use u2i_onboarding::{InitOptions, Initialised, ModelChoice, init, validate};
use u2i_random::{Purpose, Stream};

use crate::{NOW_S, nowhere};

const N_USERS: usize = 60;
const N_ITEMS: usize = 45;
const N_EVENTS: usize = 1_200;
/// 2019-10-01.
const START_S: i64 = 1_569_888_000;

/// How ids are written, from numbers that count from 0.
#[derive(Clone, Copy, Debug)]
enum Ids {
    /// `1`, `2`, …: as anything else that is counted.
    Small,
    /// `1001`, `1002`, …
    Offset,
    /// `u1`.
    Prefixed(&'static str),
    /// `0001`.
    Padded,
    /// Ten digits, far apart.
    Sparse,
    /// Above 2^63.
    Hashed,
    /// `00000000-0000-4000-8000-000000000001`, spread out.
    Uuid,
}

impl Ids {
    fn write(self, number: usize) -> String {
        let spread = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match self {
            Ids::Small => (number + 1).to_string(),
            Ids::Offset => (number + 1001).to_string(),
            Ids::Prefixed(prefix) => format!("{prefix}{}", number + 1),
            Ids::Padded => format!("{:04}", number + 1),
            Ids::Sparse => (1_000_000_000 + spread % 8_000_000_000).to_string(),
            Ids::Hashed => (spread | 1 << 63).to_string(),
            Ids::Uuid => {
                let (high, low) = (spread >> 32, spread & 0xffff_ffff);
                format!("{high:08x}-{:04x}-4000-8000-{low:012x}", number + 1)
            }
        }
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug)]
enum Times {
    Seconds,
    Milliseconds,
    Datetime,
    Date,
}

impl Times {
    fn write(self, time_s: i64) -> String {
        let time = jiff::Timestamp::from_second(time_s).unwrap();
        match self {
            Times::Seconds => time_s.to_string(),
            Times::Milliseconds => (time_s * 1_000 + 7).to_string(),
            Times::Datetime => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Times::Date => time.strftime("%Y-%m-%d").to_string(),
        }
    }
}

/// A column of a table, by its name and the value in a row.
type Column<'a> = (&'a str, Box<dyn Fn(usize) -> String + 'a>);

fn column<'a>(name: &'a str, value: impl Fn(usize) -> String + 'a) -> Column<'a> {
    (name, Box::new(value))
}

fn numbers(name: &str, to: usize) -> Column<'_> {
    column(name, move |row| (row * 7 % to + 1).to_string())
}

fn words(name: &str, n: usize) -> Column<'_> {
    column(name, move |row| format!("{}{}", &name.chars().next().unwrap_or('w'), row * 5 % n))
}

/// What a layout is made of.
struct Layout {
    separator: char,
    user_ids: Ids,
    item_ids: Ids,
    times: Times,
    /// The file, and the columns of user, item and time.
    events: (&'static str, [&'static str; 3]),
    /// Further columns of the events, that are none of these.
    decoys: &'static [&'static str],
    /// The file and the column of ids.
    users: Option<(&'static str, &'static str)>,
    items: Option<(&'static str, &'static str)>,
    /// Further columns of the tables of users and of items.
    attributes: [&'static [&'static str]; 2],
    /// Tables of other things, each with its columns; the first one counts from 1.
    others: &'static [(&'static str, &'static [&'static str])],
}

const PLAIN: Layout = Layout {
    separator: ',',
    user_ids: Ids::Small,
    item_ids: Ids::Small,
    times: Times::Seconds,
    events: ("events.csv", ["user_id", "item_id", "timestamp"]),
    decoys: &[],
    users: None,
    items: None,
    attributes: [&[], &[]],
    others: &[],
};

#[rustfmt::skip]
const LAYOUTS: [Layout; 30] = [
    // English.
    Layout { others: &[("stores.csv", &["store_id", "city", "region"])], items: Some(("products.csv", "product_id")),
             events: ("events.csv", ["user_id", "product_id", "timestamp"]), attributes: [&[], &["title", "category"]], ..PLAIN },
    Layout { events: ("ratings.csv", ["userId", "movieId", "timestamp"]), decoys: &["rating"], times: Times::Seconds,
             items: Some(("movies.csv", "movieId")), attributes: [&[], &["title", "genres"]],
             others: &[("actors.csv", &["person_id", "name", "birth_year"]), ("calendar.csv", &["day_no", "weekday", "holiday"])], ..PLAIN },
    Layout { events: ("orders.csv", ["customer_id", "sku", "ordered_at"]), decoys: &["order_id", "session_id", "quantity", "zip"],
             times: Times::Datetime, user_ids: Ids::Offset, item_ids: Ids::Prefixed("P-"), users: Some(("customers.csv", "id")),
             items: Some(("catalog.csv", "sku")), attributes: [&["gender", "country"], &["name", "brand"]],
             others: &[("currencies.csv", &["currency_id", "rate"])], ..PLAIN },
    Layout { events: ("clicks.tsv", ["visitorid", "itemid", "ts"]), decoys: &["session_id", "row_id"], separator: '\t',
             times: Times::Milliseconds, user_ids: Ids::Hashed, item_ids: Ids::Sparse, ..PLAIN },
    Layout { events: ("listens.csv", ["listener", "track", "played_at"]), decoys: &["device", "duration"], times: Times::Datetime,
             users: Some(("listeners.csv", "listener")), items: Some(("tracks.csv", "track")),
             attributes: [&["age", "country"], &["track_name", "genre"]], user_ids: Ids::Uuid, item_ids: Ids::Uuid,
             others: &[("artists_pay.csv", &["payment_id", "amount"])], ..PLAIN },
    Layout { events: ("log.csv", ["member_no", "article_no", "day"]), decoys: &["price", "store_id", "line"], times: Times::Date,
             users: Some(("members.csv", "member_no")), items: Some(("articles.csv", "article_no")),
             attributes: [&["sex"], &["colour"]], item_ids: Ids::Padded,
             others: &[("prices.csv", &["price_id", "amount"]), ("stores.csv", &["id", "city"])], ..PLAIN },
    Layout { events: ("views.csv", ["UserID", "Video ID", "Viewed At"]), decoys: &["Watch Seconds", "Author ID"], times: Times::Datetime,
             items: Some(("videos.csv", "Video ID")), attributes: [&[], &["Title", "Language"]],
             others: &[("authors.csv", &["Author ID", "Name"])], ..PLAIN },
    Layout { events: ("interactions.csv", ["uid", "iid", "time"]), decoys: &["hour", "weekday"], separator: '|', ..PLAIN },
    // German.
    Layout { events: ("bestellungen.csv", ["Kundennummer", "Artikelnummer", "Bestelldatum"]), decoys: &["Bestellnummer", "Menge", "Preis", "PLZ"],
             separator: ';', times: Times::Date, users: Some(("kunden.csv", "Kundennummer")), items: Some(("artikel.csv", "Artikelnummer")),
             attributes: [&["Geschlecht", "Stadt"], &["Bezeichnung", "Warengruppe"]],
             others: &[("filialen.csv", &["Filialnummer", "Ort", "Region"])], ..PLAIN },
    Layout { events: ("klicks.csv", ["ID_Benutzer", "ID_Produkt", "Zeitstempel"]), decoys: &["ID_Sitzung", "Gerät"], separator: ';',
             items: Some(("produkte.csv", "ID_Produkt")), attributes: [&[], &["Titel", "Marke"]],
             others: &[("währungen.csv", &["Nr", "Kurs"])], ..PLAIN },
    Layout { events: ("käufe.csv", ["Käufer", "Ware", "Zeit"]), decoys: &["Betrag", "Verkäufer"], times: Times::Datetime,
             users: Some(("käufer.csv", "Nr")), user_ids: Ids::Offset, attributes: [&["Alter"], &[]],
             others: &[("verkäufer.csv", &["Nr", "Stadt"])], ..PLAIN },
    // French.
    Layout { events: ("achats.csv", ["id_client", "id_produit", "date_achat"]), decoys: &["quantité", "montant", "magasin"], separator: ';',
             times: Times::Datetime, users: Some(("clients.csv", "id_client")), items: Some(("produits.csv", "id_produit")),
             attributes: [&["sexe", "ville"], &["titre", "catégorie"]], others: &[("magasins.csv", &["id_magasin", "ville"])], ..PLAIN },
    Layout { events: ("écoutes.csv", ["utilisateur", "chanson", "horodatage"]), decoys: &["durée"], items: Some(("chansons.csv", "chanson")),
             attributes: [&[], &["titre", "genre"]], others: &[("auteurs.csv", &["identifiant", "nom"])], ..PLAIN },
    Layout { events: ("évaluations.csv", ["Utilisateur", "Film", "Date"]), decoys: &["Note"], times: Times::Date,
             others: &[("acteurs.csv", &["id_acteur", "naissance"])], ..PLAIN },
    // Spanish.
    Layout { events: ("compras.csv", ["id_usuario", "id_producto", "fecha_compra"]), decoys: &["cantidad", "precio", "tienda"], separator: ';',
             times: Times::Datetime, users: Some(("usuarios.csv", "id_usuario")), items: Some(("productos.csv", "id_producto")),
             attributes: [&["edad", "ciudad"], &["título", "categoría"]], others: &[("tiendas.csv", &["id", "ciudad"])], ..PLAIN },
    Layout { events: ("valoraciones.csv", ["usuario", "película", "fecha"]), decoys: &["puntuación"], items: Some(("películas.csv", "id")),
             attributes: [&[], &["título", "género"]], others: &[("actores.csv", &["id", "nombre"]), ("monedas.csv", &["moneda", "cambio"])], ..PLAIN },
    // Portuguese.
    Layout { events: ("vendas.csv", ["código do cliente", "código do produto", "data"]), decoys: &["quantidade", "preço"], separator: ';',
             times: Times::Date, items: Some(("produtos.csv", "código do produto")), attributes: [&[], &["nome", "categoria"]],
             others: &[("lojas.csv", &["código da loja", "cidade"])], ..PLAIN },
    // Italian.
    Layout { events: ("acquisti.csv", ["utente", "articolo", "data_acquisto"]), decoys: &["prezzo", "negozio"], times: Times::Datetime,
             users: Some(("utenti.csv", "utente")), attributes: [&["età"], &[]],
             others: &[("negozi.csv", &["id_negozio", "città"]), ("calendario.csv", &["giorno_no", "mese"])], ..PLAIN },
    // Russian.
    Layout { events: ("pokupki.csv", ["polzovatel_id", "tovar_id", "vremya"]), decoys: &["tsena", "magazin"], separator: ';',
             items: Some(("tovary.csv", "tovar_id")), attributes: [&[], &["nazvanie", "kategoriya"]],
             others: &[("magaziny.csv", &["magazin_id", "gorod"])], ..PLAIN },
    Layout { events: ("покупки.csv", ["пользователь", "товар", "дата"]), decoys: &["цена", "магазин"], times: Times::Datetime,
             items: Some(("товары.csv", "товар")), attributes: [&[], &["название", "категория"]],
             others: &[("магазины.csv", &["магазин", "город"])], ..PLAIN },
    // Chinese.
    Layout { events: ("行为.csv", ["用户ID", "商品ID", "时间"]), decoys: &["会话", "价格"], items: Some(("商品.csv", "商品ID")),
             attributes: [&[], &["商品名称", "类别"]], others: &[("店铺.csv", &["店铺ID", "城市"])], ..PLAIN },
    Layout { events: ("订单.csv", ["会员编号", "产品编号", "购买时间"]), decoys: &["数量", "订单号"], times: Times::Datetime,
             users: Some(("会员.csv", "会员编号")), attributes: [&["性别", "城市"], &[]], others: &[("演员.csv", &["编号", "名称"])], ..PLAIN },
    Layout { events: ("dingdan.csv", ["yonghu_id", "shangpin_id", "shijian"]), decoys: &["jiage", "shuliang"], times: Times::Milliseconds,
             others: &[("dianpu.csv", &["dianpu_id", "chengshi"])], ..PLAIN },
    // Japanese.
    Layout { events: ("購入.csv", ["会員番号", "商品コード", "日時"]), decoys: &["価格", "数量"], times: Times::Datetime,
             items: Some(("商品.csv", "商品コード")), attributes: [&[], &["商品名", "カテゴリ"]], item_ids: Ids::Padded,
             others: &[("店舗.csv", &["店舗コード", "都市"])], ..PLAIN },
    Layout { events: ("閲覧履歴.csv", ["ユーザーID", "アイテム", "閲覧日時"]), decoys: &["セッション"], ..PLAIN },
    // What speaks least.
    Layout { events: ("transactions.csv", ["client_key", "isbn", "when"]), decoys: &["row", "basket_id"], item_ids: Ids::Sparse,
             items: Some(("books.csv", "isbn")), attributes: [&[], &["title", "publisher"]],
             others: &[("publishers.csv", &["id", "name"]), ("people.csv", &["person_id", "name"])], ..PLAIN },
    Layout { events: ("data.csv", ["USER_KEY", "ITEM_KEY", "EVENT_TIME"]), decoys: &["N", "STATUS"], times: Times::Milliseconds,
             users: Some(("dim_user.csv", "KEY")), items: Some(("dim_item.csv", "KEY")), user_ids: Ids::Prefixed("U"), item_ids: Ids::Prefixed("I"),
             attributes: [&["segment"], &["name"]], others: &[("dim_store.csv", &["KEY", "city"]), ("dim_date.csv", &["KEY", "month"])], ..PLAIN },
    // To be asked about: neither column is called as a user or an item, and both may be either.
    Layout { events: ("x.csv", ["a", "b", "c"]), ..PLAIN },
    // To be asked about: stores are what is visited here, and that only people know.
    Layout { events: ("visits.csv", ["guest", "store_id", "visited_at"]), times: Times::Datetime, ..PLAIN },
    Layout { events: ("x.inter", ["user_id:token", "item_id:token", "timestamp:float"]), separator: '\t', decoys: &["rating:float"],
             items: Some(("x.item", "item_id:token")), attributes: [&[], &["movie_title:token_seq", "class:token"]], ..PLAIN },
];

impl Layout {
    /// Writes all files, their columns in an order of the layout's own.
    fn write(&self, folder: &Path, number: usize) -> Vec<PathBuf> {
        let mut draw = Stream::new(number as u64, Purpose::SYNTHETIC, 0, 0);
        let rows: Vec<(usize, usize, i64)> = (0..N_EVENTS)
            .map(|row| {
                (
                    draw.index(N_USERS),
                    draw.index(N_ITEMS),
                    START_S + 3_600 * row as i64 + draw.index(3_000) as i64,
                )
            })
            .collect();
        let mut paths = Vec::new();
        let mut put = |name: &str, mut columns: Vec<Column<'_>>, n_rows: usize| {
            draw.shuffle(&mut columns);
            let path = folder.join(name);
            let separator = self.separator.to_string();
            let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let mut text = header.join(&separator) + "\n";
            for row in 0..n_rows {
                let values: Vec<String> = columns.iter().map(|(_, value)| value(row)).collect();
                writeln!(text, "{}", values.join(&separator)).unwrap();
            }
            std::fs::write(&path, text).unwrap();
            paths.push(path);
        };
        let (name, [user, item, time]) = self.events;
        let mut columns = vec![
            column(user, |row: usize| self.user_ids.write(rows[row].0)),
            column(item, |row: usize| self.item_ids.write(rows[row].1)),
            column(time, |row: usize| self.times.write(rows[row].2)),
        ];
        columns.extend(self.decoys.iter().enumerate().map(|(place, name)| decoy(name, place)));
        put(name, columns, N_EVENTS);
        let tables = [(self.users, self.user_ids, N_USERS, "P"), (self.items, self.item_ids, N_ITEMS, "T")];
        for ((table, ids, n, letter), attributes) in tables.into_iter().zip(self.attributes) {
            let Some((name, id)) = table else { continue };
            let mut columns = vec![column(id, move |row| ids.write(row))];
            columns.extend(attributes.iter().enumerate().map(|(place, name)| match place {
                0 => column(name, move |row| format!("{letter} {}", row * 3 % 1_000)),
                _ => words(name, 4),
            }));
            put(name, columns, n);
        }
        for (name, columns) in self.others {
            // More rows than there are users and items, and numbers from 1 on as those have.
            let columns = columns.iter().enumerate().map(|(place, name)| match place {
                0 => column(name, |row| (row + 1).to_string()),
                _ => words(name, 6),
            });
            put(name, columns.collect(), 80);
        }
        draw.shuffle(&mut paths);
        paths
    }

    /// What is wrong with a config, if it is not as planted.
    fn fault(&self, made: &Initialised) -> Option<String> {
        let DataSource::Files(DataConfig::Tables(tables)) = &made.experiment.data else {
            return Some("other data".to_owned());
        };
        let TablesConfig { events, users, items, .. } = &**tables;
        let (file, [user, item, time]) = self.events;
        let is = |path: &Path, name: &str| path.file_name().is_some_and(|own| own == name);
        if !is(&events.file, file) || events.user != user || events.item != item {
            return Some(format!("events are {events:?}"));
        }
        if !made.text.contains(&format!("time = {{ column = {time:?}")) {
            return Some(format!("times are not those of {time}"));
        }
        let same = |found: &Option<AttributesConfig>, planted: Option<(&str, &str)>| match (found, planted) {
            (Some(found), Some((file, id))) => is(&found.file, file) && found.id == id,
            (found, planted) => found.is_none() && planted.is_none(),
        };
        [(users, self.users), (items, self.items)]
            .into_iter()
            .find(|(found, planted)| !same(found, *planted))
            .map(|(found, planted)| format!("{planted:?} is {found:?}"))
    }

    /// Whether a table that was planted is left out, and it is said that it is.
    fn leaves_out(&self, made: &Initialised) -> bool {
        let DataSource::Files(DataConfig::Tables(tables)) = &made.experiment.data else { return false };
        let said = |file: &str| {
            made.files.iter().any(|used| used.path.ends_with(file) && used.used_as == "not used")
        };
        let is_left = |found: &Option<AttributesConfig>, planted: Option<(&str, &str)>| {
            found.is_none() && planted.is_some_and(|(file, _)| said(file))
        };
        is_left(&tables.users, self.users) || is_left(&tables.items, self.items)
    }
}

/// Values of a column that is neither a user, an item nor a time, by what its name says.
fn decoy(name: &'static str, place: usize) -> Column<'static> {
    let lower = name.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if is(&["row", "line", "n"]) && lower.len() <= 6 => column(name, |row| (row + 1).to_string()),
        () if is(&["session", "sitzung", "order", "nummer", "basket", "订单", "会话", "セッション"]) => {
            column(name, |row| format!("s{}", row / 5))
        }
        () if is(&[
            "price", "preis", "montant", "precio", "preço", "prezzo", "betrag", "tsena", "цена", "价格",
            "jiage",
        ]) =>
        {
            column(name, |row| format!("{}.{}9", row * 7 % 90, row % 10))
        }
        () if is(&["zip", "plz"]) => column(name, |row| (10_000 + row * 37 % 600).to_string()),
        () => numbers(name, [5, 9, 40, 300][place % 4]),
    }
}

#[test]
fn no_layout_is_misread_without_a_word_and_nearly_all_are_read_right() {
    let mut right = 0;
    let mut others = Vec::new();
    for (number, layout) in LAYOUTS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut data = layout.write(folder.path(), number);
        // Some are given as the folder.
        if number % 4 == 3 {
            data = vec![folder.path().to_owned()];
        }
        let own = InitOptions::new(data, folder.path().join("own.toml"), ModelChoice::Dssm, NOW_S);
        let name = layout.events.0;
        match init(&own) {
            Ok(made) => match layout.fault(&made) {
                None => {
                    let found = validate(&made.experiment, folder.path(), &nowhere()).unwrap();
                    assert_eq!(found.n_events, N_EVENTS, "{number} {name}");
                    let years = found
                        .times
                        .as_ref()
                        .map(|[first, last]| (first[..7].to_owned(), last[..7].to_owned()));
                    assert_eq!(years, Some(("2019-10".to_owned(), "2019-11".to_owned())), "{number} {name}");
                    right += 1;
                }
                Some(fault) => {
                    assert!(layout.leaves_out(&made), "{number} {name}: {fault}\n{made}");
                    others.push(format!("{number} {name}: {fault}\n{made}"));
                }
            },
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Usage, "{number} {name}: {error}");
                assert!(error.to_string().contains(" --"), "{number} {name} names no option: {error}");
                others.push(format!("{number} {name}: {error}"));
            }
        }
    }
    assert!(right >= 27, "{right} of {} are right\n{}", LAYOUTS.len(), others.join("\n"));
}
