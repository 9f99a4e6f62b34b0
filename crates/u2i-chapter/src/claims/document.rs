use std::path::PathBuf;

use u2i::table::markdown;

use super::{CLAIMS, Claim, Found};

/// A document and the pictures that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// In Markdown.
    pub text: String,
    /// SVG files, by their paths beside the document.
    pub pictures: Vec<(PathBuf, String)>,
}

/// What pictures lie in, beside the document.
const FOLDER: &str = "images/chapter";

/// The document of what was found; `command` and `platform` say how and where.
pub fn document(found: &[Found], command: &str, platform: &str) -> Document {
    let claims: Vec<(&Claim, &Found)> = CLAIMS
        .iter()
        .filter_map(|claim| Some((claim, found.iter().find(|found| found.id == claim.id)?)))
        .collect();
    let cpu_s: f64 = found.iter().map(|found| found.cpu_s).sum();
    let mut document = Document {
        text: format!(
            "# The chapter's claims\n\nWritten by `{command}`, {platform}. Processor time: {:.0} s.\n",
            cpu_s.ceil()
        ),
        pictures: Vec::new(),
    };
    if found.iter().any(|found| found.tiny) {
        document.text +=
            "\n**Sizes are tiny: this shows that each experiment runs, and says nothing of the chapter.**\n";
    }
    document.text += INTRODUCTION;
    let summary = claims.iter().map(|(claim, found)| {
        let link = format!("[{}](#{})", claim.title, claim.id);
        vec![link, found.finding.verdict.words().to_owned()]
    });
    let header = vec!["claim".to_owned(), "verdict".to_owned()];
    document.text += &markdown(&std::iter::once(header).chain(summary).collect::<Vec<_>>());
    for (claim, found) in claims {
        section(claim, found, &mut document);
    }
    document
}

const INTRODUCTION: &str = "
Each statement of chapter 2.2.2 (U2I recall: FM, DSSM, YouTubeDNN) in our words, what was measured, and a verdict that the
program computes from the figures by the rule that stands beside it. *Holds under a condition* names the condition; *does
not hold here* is about these data and sizes and no others.

Where models are trained, the best epoch on validation targets is kept and judged on **test** targets: NDCG@10 over the full
catalog, seen items left out, splits in time order ([metrics.md](metrics.md)). Nothing is chosen by these figures. `±` is
one standard error over users and seeds, differences are taken user by user and seed by seed, and a difference counts only if
it is more than two standard errors away from zero. Intervals in pictures are two standard errors on either side. Times are
processor times, medians of rounds in which all that is compared runs in turn; another machine has others.

";

fn section(claim: &Claim, found: &Found, document: &mut Document) {
    let finding = &found.finding;
    let Claim { id, title, statement, measured, rule, .. } = claim;
    let verdict = match &finding.verdict {
        super::Verdict::HoldsUnderACondition(condition) => format!("holds under a condition: {condition}"),
        other => other.words().to_owned(),
    };
    document.text += &format!(
        "\n<a id=\"{id}\"></a>\n\n## {title}\n\n`{id}`\n\n**Statement.** {statement}\n\n**Measured.** {measured}\n\n\
         **Rule.** {rule}\n\n**Verdict: {verdict}{}**\n",
        if verdict.ends_with('.') { "" } else { "." }
    );
    for table in &finding.tables {
        document.text += &format!("\n{}:\n\n{}", table.title, markdown(&table.cells));
    }
    for (i, picture) in finding.pictures.iter().enumerate() {
        let name = if i == 0 { format!("{id}.svg") } else { format!("{id}-{}.svg", i + 1) };
        document.text += &format!("\n![{}]({FOLDER}/{name})\n", picture.title);
        document.pictures.push((PathBuf::from(FOLDER).join(name), u2i_page::svg(picture)));
    }
    for note in &finding.notes {
        document.text += &format!("\n{note}\n");
    }
    let figures = finding.figures.iter().map(|figure| vec![figure.name.clone(), number(figure.value)]);
    let header = vec!["figure".to_owned(), "value".to_owned()];
    let cells: Vec<_> = std::iter::once(header).chain(figures).collect();
    document.text += &format!("\n<details><summary>Figures</summary>\n\n{}\n</details>\n", markdown(&cells));
}

/// Whole numbers as they are, others in four significant digits.
fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.fract() == 0.0 && size < 1e15 => format!("{value}"),
        1e5.. => format!("{value:.0}"),
        1e-3.. => {
            let decimals = (3.0 - size.log10().floor()).max(0.0) as usize;
            format!("{value:.decimals$}")
        }
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (3.0, "3"),
            (0.123456, "0.1235"),
            (12.3456, "12.35"),
            (-1234567.8, "-1234568"),
            (1.5e-9, "1.500e-9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
