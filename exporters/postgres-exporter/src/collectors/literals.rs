//! Texts of statements without what may be secret: pg_stat_statements leaves the literals of utility statements,
//! `ALTER ROLE … PASSWORD 'secret'` among them, and comments. Texts may be cut anywhere.

/// The text without literals and comments, on one line. Where it cannot be told where a literal ends, the rest goes.
pub(super) fn without_literals(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        let word = word_before(&out);
        let (in_word, escapes) = (!word.is_empty(), word.eq_ignore_ascii_case("e"));
        rest = match c {
            '\'' => {
                out.push_str("'?'");
                let Some(end) = after_quote(&rest[1..], escapes) else { break };
                end
            }
            '"' => {
                let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
                out.push_str(&rest[..end]);
                &rest[end..]
            }
            '$' if !in_word && dollar_tag(rest).is_some() => {
                out.push_str("'?'");
                let tag = dollar_tag(rest).unwrap_or_default();
                let Some((_, end)) = rest[tag.len()..].split_once(tag) else { break };
                end
            }
            '-' if rest.starts_with("--") => rest.find('\n').map_or("", |end| &rest[end..]),
            '/' if rest.starts_with("/*") => after_comment(rest),
            c if c.is_ascii_digit() && !in_word => {
                out.push('?');
                rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.')
            }
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                &rest[c.len_utf8()..]
            }
            c => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    out
}

/// The name, or the `$1`, that the text ends with.
fn word_before(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"');
    &text[text.trim_end_matches(is_part).len()..]
}

/// What follows a literal. None where its end is cut off, or a backslash before a quote may or may not belong to it: that
/// hangs on a setting of the session.
fn after_quote(text: &str, escapes: bool) -> Option<&str> {
    let mut at = 0;
    loop {
        let found = at + text[at..].find(['\'', '\\'])?;
        let next = text[found + 1..].chars().next();
        match (text.as_bytes()[found], next) {
            (b'\'', Some('\'')) => at = found + 2,
            (b'\'', _) => return Some(&text[found + 1..]),
            (_, Some('\'')) if !escapes => return None,
            (_, Some(c)) if escapes => at = found + 1 + c.len_utf8(),
            (_, None) => return None,
            _ => at = found + 1,
        }
    }
}

/// `$$` or `$tag$` at the start; `$1` is none.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))? + 1;
    let is_tag = text[end..].starts_with('$') && !text[1..].starts_with(|c: char| c.is_ascii_digit());
    is_tag.then_some(&text[..=end])
}

/// What follows a comment; they nest.
fn after_comment(text: &str) -> &str {
    let (mut depth, mut rest) = (0_usize, text);
    while !rest.is_empty() {
        let step = match rest.as_bytes() {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth = depth.saturating_sub(1);
                2
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        rest = &rest[step..];
        if depth == 0 {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_go() {
        for (query, expected) in [
            ("SELECT * FROM t1 WHERE a = $1 AND b=12.5", "SELECT * FROM t1 WHERE a = $1 AND b=?"),
            ("ALTER ROLE x PASSWORD 'hun''ter2' VALID", "ALTER ROLE x PASSWORD '?' VALID"),
            ("SELECT 'cut o", "SELECT '?'"),
            ("SELECT E'a\\'secret'\n\t, 1e5", "SELECT E'?' , ?"),
            ("SELECT 'a\\n' , b2, \"it's\" , 'x'", "SELECT '?' , b2, \"it's\" , '?'"),
            // With standard_conforming_strings the literal ends here, without it goes on: nobody can tell.
            ("OPTIONS (dir 'C:\\', password 'hunter2')", "OPTIONS (dir '?'"),
            ("ALTER ROLE x PASSWORD $$hunter2$$ LOGIN", "ALTER ROLE x PASSWORD '?' LOGIN"),
            ("DO $x$ hunter2 $$ $x$ LANGUAGE sql", "DO '?' LANGUAGE sql"),
            ("DO $x$ hunter2", "DO '?'"),
            ("SELECT a$b$c, $1$2 FROM t", "SELECT a$b$c, $1$2 FROM t"),
            ("SELECT 1 /* hunter2 /* 'x */ y */ + a -- hunter2\nFROM t", "SELECT ? + a FROM t"),
            ("SELECT 1 /* hunter2", "SELECT ? "),
            ("SELECT U&'hunter2', N'hunter2', 0x1F", "SELECT U&'?', N'?', ?"),
            ("SELECT ü1, 'größe", "SELECT ü1, '?'"),
        ] {
            assert_eq!(without_literals(query), expected, "{query}");
        }
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let query = "SELECT E'\\'ü' , \"ö\" , $ä$ x $ä$ /* é */ , 'x\\' -- ï";
        for (end, _) in query.char_indices() {
            let _ = without_literals(&query[..end]);
        }
    }
}
