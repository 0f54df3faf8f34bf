//! One text of a statement, made into what each database likes. Pure.

use super::Arg;

/// SQLite takes `$1` for a name and counts names as they come; `?1` is a number.
pub(super) fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

/// The largest power of four that fits, so that few different texts are prepared.
pub(super) fn chunk(left: usize, most: usize) -> usize {
    let mut size = most;
    while size > left {
        size /= 4;
    }
    size.max(1)
}

/// Repeats the tuple after `values`, with the placeholders counted on.
pub(super) fn tuples(sql: &str, width: usize, count: usize) -> String {
    let Some((head, rest)) = sql.split_once("values (") else { return sql.to_owned() };
    let Some((tuple, tail)) = rest.split_once(')') else { return sql.to_owned() };
    let mut text = format!("{head}values ({tuple})");
    for n in 1..count {
        text.push_str(", (");
        for (at, part) in tuple.split('$').enumerate() {
            if at == 0 {
                text.push_str(part);
                continue;
            }
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = part[..digits].parse().unwrap_or(0);
            text.push_str(&format!("${}{}", n * width + number, &part[digits..]));
        }
        text.push(')');
    }
    text + tail
}

/// Statements for lists of keys. A list is filled up with its last key, so that few texts are prepared.
pub(super) fn lists<'a>(
    sql: &str,
    fixed: &[Arg<'a>],
    keys: &[Arg<'a>],
) -> Vec<(String, Vec<Arg<'a>>)> {
    let mut statements = Vec::new();
    for part in keys.chunks(512) {
        let size = [1, 8, 64, 512].into_iter().find(|size| *size >= part.len()).unwrap_or(512);
        let places: Vec<String> = (0..size).map(|n| format!("${}", fixed.len() + n + 1)).collect();
        let mut args = fixed.to_vec();
        args.extend(part.iter().cloned());
        if let Some(last) = part.last() {
            args.resize(fixed.len() + size, last.clone());
        }
        statements.push((sql.replace("$list", &places.join(", ")), args));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_of_one_row_becomes_an_insert_of_many() {
        let one = "insert into t (a, b) values ($1, $2) on conflict do nothing";
        assert_eq!(
            tuples(one, 2, 3),
            "insert into t (a, b) values ($1, $2), ($3, $4), ($5, $6) on conflict do nothing"
        );
        assert_eq!(tuples(one, 2, 1), one);
        let twice = "insert into t (a, b, c) values ($1, $2, $2)";
        assert_eq!(
            tuples(twice, 2, 2),
            "insert into t (a, b, c) values ($1, $2, $2), ($3, $4, $4)"
        );
    }

    #[test]
    fn lists_of_keys_come_in_few_sizes() {
        let keys: Vec<Arg<'_>> = (0..9).map(Arg::Int).collect();
        let made = lists("select 1 where a = $1 and b in ($list)", &[Arg::Int(7)], &keys);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].1.len(), 65);
        assert!(made[0].0.contains("in ($2, $3,"));
        assert!(lists("x", &[], &[]).is_empty());
    }

    #[test]
    fn chunks_never_exceed_what_is_left() {
        assert_eq!([chunk(1000, 256), chunk(255, 256), chunk(3, 256)], [256, 64, 1]);
    }
}
