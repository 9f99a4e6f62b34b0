//! The words that people name columns and files by, in the languages that such files are often in.
//!
//! Words are folded: in small letters, without accents (`Käufer` is `kaufer`, or `kaeufer` as it is written without an
//! umlaut). An English, French or Spanish plural on s needs no word of its own; others stand beside their singular.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// People whom things are recommended to.
    User,
    /// People, who may be users or take part in what is recommended: a table of them may be one of actors.
    Person,
    /// What is recommended; items of two different kinds are no items of each other.
    Item(Kind),
    /// When something happened.
    Time,
    /// When something else than the event happened: a birth, a release, the last change of a row.
    OtherTime,
    /// Rows of events: ratings, clicks, orders.
    Events,
    /// Something else that has ids, attributes or numbers: stores, sessions, prices.
    Other,
    /// That a column holds ids.
    Id,
    /// That a column holds what its subject is called.
    Name,
}

/// Kinds of items. A column of one kind names items of the same kind, or of no particular one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Items, products, articles: any may be called so.
    Any,
    Film,
    Music,
    Book,
    News,
    Game,
    Place,
    Food,
    Course,
    Work,
}

/// A word in small letters, without accents.
pub(crate) fn folded(word: &str) -> String {
    let plain = |char: char| match char {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => "a".to_owned(),
        'ç' => "c".to_owned(),
        'è' | 'é' | 'ê' | 'ë' => "e".to_owned(),
        'ì' | 'í' | 'î' | 'ï' => "i".to_owned(),
        'ñ' => "n".to_owned(),
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => "o".to_owned(),
        'ù' | 'ú' | 'û' | 'ü' => "u".to_owned(),
        'ß' => "ss".to_owned(),
        'œ' => "oe".to_owned(),
        // A combining accent or diaeresis, as file names have them on some systems.
        '\u{300}'..='\u{36f}' => String::new(),
        other => other.to_string(),
    };
    word.to_lowercase().chars().map(plain).collect()
}

/// What a folded word speaks of, if it is known.
pub(crate) fn meaning(word: &str) -> Option<Meaning> {
    static MEANINGS: LazyLock<HashMap<&str, Meaning>> = LazyLock::new(|| {
        let words = |&(meaning, words): &(Meaning, &'static str)| {
            words.split_whitespace().map(move |word| (word, meaning))
        };
        WORDS.iter().flat_map(words).collect()
    });
    MEANINGS.get(word).copied()
}

/// What a folded word or its singular speaks of.
pub(crate) fn meaning_of_plural(word: &str) -> Option<Meaning> {
    let singular = || word.strip_suffix('s').filter(|singular| singular.len() > 2);
    let of_ies = || word.strip_suffix("ies").map(|stem| format!("{stem}y"));
    let of_es = || word.strip_suffix("es").filter(|singular| singular.len() > 2);
    meaning(word)
        .or_else(|| singular().and_then(meaning))
        .or_else(|| of_ies().and_then(|word| meaning(&word)))
        .or_else(|| of_es().and_then(meaning))
}

const WORDS: &[(Meaning, &str)] = &[
    // English, German, French, Spanish, Portuguese, Italian, Russian in Latin and Cyrillic letters, Chinese in pinyin and
    // characters, Japanese.
    (
        Meaning::User,
        "user u uid usr customer cust client visitor listener reader viewer watcher member account buyer shopper player \
         subscriber reviewer rater guest household consumer purchaser userid memberid \
         benutzer nutzer anwender kunde kunden kundin kaufer kaeufer besucher mitglied mitglieder horer hoerer leser \
         zuschauer abonnent \
         utilisateur acheteur visiteur membre abonne internaute lecteur auditeur \
         usuario cliente comprador visitante miembro suscriptor lector oyente \
         utilizador membro assinante leitor \
         utente utenti clienti acquirente acquirenti visitatore visitatori iscritto iscritti \
         polzovatel polzovateli polzovatelya klient klienty klienta pokupatel pokupateli posetitel \
         пользователь пользователи пользователя клиент клиенты клиента покупатель покупатели покупателя посетитель \
         yonghu huiyuan guke kehu 用户 会员 顾客 客户 买家 用戶 會員 顧客 \
         ユーザー ユーザ 会員 利用者 お客様 購入者 kokyaku kaiin",
    ),
    (Meaning::Person, "person people profile personne persona personen"),
    (
        Meaning::Item(Kind::Any),
        "item i iid product prod asin parentasin sku good article content offer listing app video post merchandise \
         itemid artikel produkt produkte ware waren angebot angebote inhalt inhalte objekt objekte \
         produit \
         producto articulo \
         produto artigo \
         prodotto prodotti articolo articoli \
         tovar tovary tovara produkta produkty товар товары товара продукт продукты продукта артикул \
         shangpin chanpin baobei 商品 产品 宝贝 物品 產品 \
         品目 製品 アイテム shohin shouhin",
    ),
    (
        Meaning::Item(Kind::Film),
        "movie film show series anime serie filme pelicula filmu фильм фильмы фильма dianying 电影 電影 映画",
    ),
    (
        Meaning::Item(Kind::Music),
        "track song album artist podcast episode lied lieder chanson cancion musica brano canzone pesnya песня gequ \
         歌曲 歌手 曲",
    ),
    (
        Meaning::Item(Kind::Book),
        "book isbn buch bucher buecher livre libro livro kniga книга книги tushu 图书 書籍 本",
    ),
    (
        Meaning::Item(Kind::News),
        "news story headline nachricht nachrichten nouvelle noticia notizia novost новость xinwen 新闻",
    ),
    (Meaning::Item(Kind::Game), "game spiel spiele jeu juego jogo gioco igra игра youxi 游戏 ゲーム"),
    (
        Meaning::Item(Kind::Place),
        "business place poi venue restaurant hotel property destination ort orte lieu lugar luogo mesto место didian 地点",
    ),
    (
        Meaning::Item(Kind::Food),
        "recipe dish meal rezept rezepte recette receta receita ricetta retsept caipu 菜谱",
    ),
    (Meaning::Item(Kind::Course), "course lesson lecture kurs kurse cours curso corso kecheng 课程"),
    (Meaning::Item(Kind::Work), "job vacancy paper repo repository stelle emploi empleo"),
    (
        Meaning::Time,
        "timestamp ts time datetime unixtime eventtime epoch when date day t moment instant \
         zeit datum zeitpunkt zeitstempel uhrzeit wann \
         heure horodatage jour quand \
         fecha hora instante cuando \
         data quando dia \
         ora giorno \
         vremya vremja время дата \
         shijian riqi shijianchuo 时间 日期 时间戳 時間 \
         日時 日付 時刻 nichiji hizuke",
    ),
    (
        Meaning::OtherTime,
        "birth born birthday dob release released publication published expiry expires expired valid until due signup \
         registered registration joined join updated modified changed deleted delivery delivered shipped founded \
         geburt geburts geburtsdatum erscheinung erscheinungsdatum ablauf registrierung lieferung lieferdatum anderung \
         naissance sortie parution inscription livraison expiration \
         nacimiento lanzamiento vencimiento registro entrega nascimento lancamento validade \
         nascita uscita scadenza iscrizione consegna rozhdeniya рождения 出生 注册 上映 生年月日 登録日 発売日",
    ),
    (
        Meaning::Events,
        "event interaction rating click view play listen purchase order transaction review behavior behaviour action \
         feedback inter log history visit checkin impression like sale watch stream \
         ereignis ereignisse bewertung bewertungen klick klicks kauf kaufe kaeufe bestellung bestellungen aufruf aufrufe \
         evenement achat commande clic vente ecoute avis \
         evento compra pedido clique venta visita valoracion valoraciones \
         avaliacao avaliacoes venda interacao interacoes \
         eventi acquisto acquisti ordine ordini vendita vendite valutazione valutazioni \
         sobytiya pokupki zakaz zakazy prosmotry otsenki события покупки заказ заказы просмотры оценки \
         xingwei dingdan dianji goumai pingfen 行为 订单 点击 购买 评分 \
         行動 注文 購入 閲覧 履歴 評価 rireki",
    ),
    (
        Meaning::Other,
        "store shop branch warehouse outlet market department aisle seller vendor merchant supplier manufacturer maker brand \
         author writer creator uploader publisher owner actor actress cast crew director producer composer employee staff \
         cashier clerk salesperson driver referrer \
         category subcategory genre topic class type label tag section collection group segment cluster cohort \
         country city town state region province county district street address zip zipcode postcode postal \
         lat lon latitude longitude location geo ip \
         session visitation basket cart invoice receipt bill payment shipment ticket campaign coupon promotion voucher \
         device browser platform channel source medium os version language locale currency \
         price cost amount total sum revenue discount tax fee quantity qty count weight height width length \
         size duration seconds minutes hours dwell playtime runtime score stars rank position value ratio percent \
         level point age gender sex salary income \
         year month week weekday hour minute quarter season holiday calendar period \
         row index idx line record unnamed serial sequence query keyword search text comment body description color \
         status flag weather vehicle company organization team studio \
         filiale filialen laden markt lager verkaufer verkaeufer handler haendler hersteller marke autor autoren \
         schauspieler regisseur mitarbeiter kategorie kategorien warengruppe land stadt plz postleitzahl strasse \
         sitzung warenkorb rechnung bestellnummer gerat geraet kanal wahrung waehrung preis preise betrag summe rabatt menge \
         anzahl gewicht dauer sterne rang alter geschlecht jahr monat woche wochentag stunde zeile lfd laufend \
         kassierer filialnummer \
         magasin boutique vendeur fournisseur marque auteur acteur realisateur categorie pays ville codepostal rue panier \
         facture appareil canal devise prix montant remise quantite poids duree note etoiles sexe annee mois semaine \
         heures ligne entrepot \
         tienda sucursal vendedor proveedor marca categoria pais ciudad estado calle sesion carrito \
         factura dispositivo moneda precio importe monto descuento cantidad peso duracion puntuacion estrellas edad genero \
         sexo ano mes semana fila linea codigopostal almacen \
         loja filial fornecedor diretor cidade cep rua sessao carrinho fatura preco valor desconto quantidade duracao nota \
         idade linha moeda \
         negozio negozi punto venditore venditori fornitore marchio autore autori attore attori regista registi paese citta \
         cap via sessione carrello fattura valuta valute prezzo prezzi importo sconto quantita durata voto \
         eta genere anno mese settimana riga calendario \
         magazin magaziny prodavets avtor akter kategoriya gorod strana tsena kolichestvo sessiya vozrast pol stroka \
         магазин магазины продавец автор актер категория город страна цена количество сессия возраст пол строка валюта \
         dianpu shangjia zuozhe yanyuan leibie chengshi jiage shuliang huihua xuhao nianling xingbie \
         店铺 商家 卖家 作者 演员 导演 类别 类目 品牌 城市 国家 价格 数量 会话 序号 年龄 性别 货币 邮编 行号 \
         店舗 店 著者 俳優 監督 カテゴリ カテゴリー ブランド 都市 国 価格 セッション 行番号 年齢 性別 通貨 郵便番号",
    ),
    (
        Meaning::Id,
        "id ids no nr number key code uuid guid hash identifier pk fk sk num nummer kennung kurzel schlussel schluessel \
         identifiant numero cle codigo clave identificador chave codice chiave kod nomer код номер идентификатор ид \
         bianhao 编号 号 号码 代码 标识 番号 コード id号",
    ),
    (
        Meaning::Name,
        "name title names titel bezeichnung titre nom intitule nombre titulo nome titolo nazvanie imya название имя mingcheng 名称 名 \
         标题 名前 タイトル login nickname nick email mail handle",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_mean_what_their_singulars_do() {
        for (word, wanted) in [
            ("users", Some(Meaning::User)),
            ("stores", Some(Meaning::Other)),
            ("categories", Some(Meaning::Other)),
            ("peliculas", Some(Meaning::Item(Kind::Film))),
            ("produits", Some(Meaning::Item(Kind::Any))),
            ("kunden", Some(Meaning::User)),
            ("widgets", None),
            ("s", None),
        ] {
            assert_eq!(meaning_of_plural(word), wanted, "{word}");
        }
    }

    #[test]
    fn every_word_is_folded_and_has_one_meaning() {
        let mut known = std::collections::HashSet::new();
        for (_, words) in WORDS {
            for word in words.split_whitespace() {
                assert_eq!(folded(word), word);
                assert!(known.insert(word), "{word} has two meanings");
            }
        }
    }
}
