//! The operator's own Lua scripts: each returns names and numbers, one behind the other.

use exporter_core::{CollectError, ConfigError, Page, Scrape};
use redis::Value;
use std::sync::Arc;

use super::nodes::Nodes;
use crate::families::families;
use crate::reply;
use crate::session::Batch;

families! { DESCS:
    VALUES: 2 = gauge("redis_script_values", "A number that a script returned.", ["key", "filename"]);
    RESULT: 1 = gauge("redis_script_result", "What became of a script: 1 it returned numbers, 2 nothing, 0 it failed.", ["filename"]);
}

/// Values shown of one script; more are an error of the script.
const MOST_VALUES: usize = 1000;

/// A script, by the name it was given.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    name: String,
    text: Arc<[u8]>,
}

/// Reads all of them, named by a comma-separated list of files.
pub(crate) fn read(paths: &str) -> Result<Vec<Script>, ConfigError> {
    let paths = paths.split(',').map(str::trim).filter(|path| !path.is_empty());
    let read = |path: &str| match std::fs::read(path) {
        Ok(text) => Ok(Script { name: path.to_owned(), text: text.into() }),
        Err(error) => Err(ConfigError::new(format!("--script: {path}: {error}"))),
    };
    paths.map(read).collect()
}

/// Runs them, one round trip each. One that fails costs itself only.
pub(crate) async fn put(
    page: &mut Page,
    nodes: &mut Nodes,
    scrape: &Scrape,
    scripts: &[Script],
    read_only: bool,
) -> Result<(), CollectError> {
    let command: &[u8] = if read_only { b"EVAL_RO" } else { b"EVAL" };
    let mut result = Ok(());
    for script in scripts {
        let batch = Batch::of("script", &[command, &script.text, b"0"]);
        let answer = nodes.ask_node(scrape, 0, 0, &batch).await.map_err(|trouble| trouble.to_string());
        match answer.as_ref().map_err(String::clone).and_then(|answer| numbers(answer.as_ref())) {
            Ok(numbers) => {
                page.put(&RESULT, [&script.name], if numbers.is_empty() { 2_u8 } else { 1_u8 });
                for (name, number) in numbers {
                    page.put(&VALUES, [&name, &script.name], number);
                }
            }
            Err(what) => {
                page.put(&RESULT, [&script.name], 0_u8);
                result = Err(CollectError::failed(format!("script {}: {what}", script.name)));
            }
        }
    }
    result
}

/// What a script returned, all of it or nothing.
fn numbers(answer: Option<&Value>) -> Result<Vec<(&[u8], f64)>, String> {
    let items = match answer {
        Some(Value::Array(items)) => items,
        None | Some(Value::Nil) => return Ok(Vec::new()),
        _ => return Err("it returns no table of names and numbers".to_owned()),
    };
    if items.len() % 2 == 1 || items.len() > 2 * MOST_VALUES {
        return Err(format!("it returns {} values: names and numbers go in pairs", items.len()));
    }
    let pair = |pair: &'_ [Value]| match (reply::bytes(&pair[0]), reply::number(&pair[1])) {
        (Some(_), Some(number)) => Ok(number),
        (Some(name), None) => Err(format!("{} is no number", String::from_utf8_lossy(name))),
        (None, _) => Err("a name is no string".to_owned()),
    };
    items.chunks_exact(2).map(|both| Ok((reply::bytes(&both[0]).unwrap_or_default(), pair(both)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_or_nothing() {
        let text = |text: &str| Value::BulkString(text.into());
        let table = |items: Vec<Value>| Value::Array(items);
        let good = table(vec![text("a"), text("1.5"), text("b"), Value::Int(2)]);
        assert_eq!(numbers(Some(&good)).unwrap(), [(&b"a"[..], 1.5), (b"b", 2.0)]);
        assert!(
            numbers(Some(&table(Vec::new()))).unwrap().is_empty()
                && numbers(Some(&Value::Nil)).unwrap().is_empty()
        );
        for (bad, said) in [
            (table(vec![text("a")]), "pairs"),
            (table(vec![text("a"), text("x")]), "a is no number"),
            (table(vec![Value::Int(1), text("2")]), "no string"),
            (Value::Int(5), "no table"),
        ] {
            let error = numbers(Some(&bad)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
