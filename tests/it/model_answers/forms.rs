//! Answers in the forms in which servers and models really send them: each is read, and nothing is paid for twice.

use serde_json::{Value, json};

use super::{
    command, errors, for_chats,
    proxy::{Do, Proxy},
    run, succeeded,
};
use crate::common::{self, Desk, list_of};

/// The same reply with another text in it.
fn with_text(body: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    with_message(body, |message| {
        let text = message["content"].as_str().unwrap().to_owned();
        message["content"] = change(&text).into();
    })
}

fn with_message(body: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut reply: Value = serde_json::from_str(body).unwrap();
    change(&mut reply["choices"][0]["message"]);
    reply.to_string().into_bytes()
}

/// The reply as a stream of events, cut into parts of this many characters.
fn streamed(body: &str, data: &str, end: &str) -> Vec<u8> {
    let reply: Value = serde_json::from_str(body).unwrap();
    let text = reply["choices"][0]["message"]["content"].as_str().unwrap();
    let mut stream = format!(": OPENROUTER PROCESSING{end}{end}");
    let signs: Vec<char> = text.chars().collect();
    for part in signs.chunks(40) {
        let part: String = part.iter().collect();
        let event = json!({"id": "gen-1", "model": reply["model"], "provider": reply["provider"],
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": part}, "finish_reason": null}]});
        stream += &format!("{data}{event}{end}{end}");
    }
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": reply["usage"]});
    stream += &format!("{data}{last}{end}{end}{data}[DONE]{end}{end}");
    stream.into_bytes()
}

/// Numbers as models write them where whole ones are due.
fn in_words(value: &mut Value, place: &mut usize) {
    match value {
        Value::Number(number) if number.is_u64() => {
            let digits = number.to_string();
            *place += 1;
            *value = match *place % 4 {
                0 => json!(number.as_f64()),
                1 => json!(format!("{digits}%")),
                2 => json!(digits.chars().map(persian).collect::<String>()),
                _ => json!(digits),
            };
        }
        Value::Array(items) => items.iter_mut().for_each(|item| in_words(item, place)),
        Value::Object(fields) => fields.values_mut().for_each(|field| in_words(field, place)),
        _ => {}
    }
}

fn persian(digit: char) -> char {
    let value = digit.to_digit(10).unwrap();
    char::from_u32(0x06F0 + value).unwrap()
}

/// What a server makes of a reply.
type Form = (&'static str, fn(&str) -> Vec<u8>);

const FORMS: [Form; 19] = [
    ("as it is", |body| body.as_bytes().to_vec()),
    ("a byte-order mark", |body| {
        format!("\u{FEFF}{body}").into_bytes()
    }),
    ("comment lines", |body| {
        format!(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{body}").into_bytes()
    }),
    ("a stream", |body| streamed(body, "data: ", "\n")),
    ("a stream without blanks", |body| {
        streamed(body, "data:", "\r\n")
    }),
    ("half a character in the body", |body| {
        body.replacen("\"provider\":\"", "\"provider\":\"\\ud83d", 1)
            .replace("\\ud83dSimulated", "Simulated\",\"note\":\"\\ud83d")
            .into_bytes()
    }),
    ("half a character in the text", |body| {
        with_text(body, |text| {
            text.replacen('{', "{\"note\":\"\\ud83d آمل\",", 1)
        })
    }),
    ("thoughts in the place of content", |body| {
        with_message(body, |message| {
            message["reasoning"] = message["content"].take();
        })
    }),
    ("thoughts by their other name", |body| {
        with_message(body, |message| {
            message["reasoning_content"] = message["content"].take();
        })
    }),
    ("parts", |body| {
        with_message(body, |message| {
            message["content"] = json!([{"type": "text", "text": message["content"]}]);
        })
    }),
    ("thinking aloud", |body| {
        with_text(body, |text| {
            format!(
                "<think>\nThe schema wants {{\"name\": ...}} so I fill {{ }}.\n</think>\n{text}"
            )
        })
    }),
    ("thinking aloud without a beginning", |body| {
        with_text(body, |text| {
            format!("First {{ }}, then the rest.\n</think>\n\n{text}")
        })
    }),
    ("a draft in the thoughts", |body| {
        with_text(body, |text| {
            format!("<think>{{\"claims\": [], \"identity\": {{}}</think>{text}")
        })
    }),
    ("a note after it", |body| {
        with_text(body, |text| {
            format!("```json\n{text}\n```\n\n**Note:** fields marked {{unknown}} were left empty.")
        })
    }),
    ("twice", |body| {
        with_text(body, |text| format!("{text}\n{text}"))
    }),
    ("JSON in a text", |body| {
        with_text(body, |text| json!(text).to_string())
    }),
    ("an object around it", |body| {
        with_text(body, |text| format!("{{\"answer\": {text}}}"))
    }),
    ("numbers in other forms", |body| {
        with_text(body, |text| {
            let mut value: Value = serde_json::from_str(text).unwrap();
            in_words(&mut value, &mut 0);
            value.to_string()
        })
    }),
    ("loose JSON", |body| {
        with_text(body, |text| {
            format!("// here it is\n{},}}", text.strip_suffix('}').unwrap())
        })
    }),
];

#[test]
fn every_form_of_an_answer_is_read_and_paid_for_once() {
    let mut facts = None;
    for (what, change) in FORMS {
        let desk = Desk::with_list(&list_of(1));
        let proxy = for_chats(&desk, move |_| Do::Change(change));
        let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
        assert_eq!(
            ended.code,
            Some(0),
            "{what}: {:?} {ended:#?}",
            errors(&desk)
        );
        assert_eq!(succeeded(&desk), 1, "{what}");
        assert_eq!(
            proxy.chats().len(),
            2,
            "{what}: an answer was asked for again"
        );
        let checkpoint = desk.checkpoint();
        assert!(
            checkpoint["cost_usd"].as_f64().unwrap() > 0.0,
            "{what}: {checkpoint}"
        );
        let registry = desk.registry();
        let report = registry.values().next().unwrap()["report"]
            .as_str()
            .unwrap();
        let report = desk.json(report);
        let found = (report["identity"].clone(), report["products"].clone());
        assert_eq!(facts.get_or_insert_with(|| found.clone()), &found, "{what}");
    }
}

#[test]
fn a_cut_answer_is_never_completed() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = for_chats(&desk, |_| {
        Do::Change(|body| {
            with_text(body, |text| {
                let signs = text.chars().count();
                text.chars().take(signs - 3).collect()
            })
        })
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let errors = errors(&desk);
    assert!(errors[0].contains("does not fit the schema"), "{errors:?}");
}

#[test]
fn searches_behind_a_byte_order_mark_are_read() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = Proxy::before(desk.sandbox.address(), |_| {
        Do::Change(|body| format!("\u{FEFF}{body}").into_bytes())
    });
    let mut command = command(&desk, &proxy, &["--brands", "list.csv"]);
    command.env("TAVILY_BASE_URL", format!("http://{}", proxy.at));
    let ended = common::ended(command.output().unwrap());
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 1), "{ended:#?}");
    let (_, credits, _) = desk.sandbox.counts();
    let counted = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few credits")]
    let searches = credits as f64 * 0.008;
    assert!(
        credits > 0 && counted > searches,
        "{counted} with {searches}"
    );
}
