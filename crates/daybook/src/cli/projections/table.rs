use std::fmt::Write as _;

use crate::cli::printable::printable;

/// Formats columns as wide as their widest cell, two spaces apart.
pub(in crate::cli) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(ToString::to_string).collect()];
    lines.extend(rows.map(|row| Vec::from_iter(row.iter().map(|cell| printable(cell)))));
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(row, "{cell:<width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["catalog".to_owned(), "1".to_owned()],
            vec!["orders".to_owned(), "12".to_owned()],
        ];
        assert_eq!(
            table(&["NAME", "VERSION"], rows.into_iter()),
            "NAME     VERSION\ncatalog  1\norders   12\n"
        );
    }
}
