//! Keys and logins that come back, or stand where nobody expects them.

use std::sync::{Arc, Mutex};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};

use crate::common::{Desk, ended, files, list_of, proxy::Proxy};

#[test]
fn a_login_in_a_website_cell_reaches_nobody() {
    let login = "night-editor:hunter2-pass";
    let list = format!(
        "Brand Name,Website,Parent Company\n\
         کاله,https://{login}@kalleh.com/fa,https://{login}@solico.ir\n\
         میهن,{login}@mihan.ir,\n\
         پاک,ftp://{login}@pak.ir,\n\
         https://{login}@x.ir,,\n"
    );
    let desk = Desk::with_list(&list);
    let sent = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&sent);
    let proxy = Proxy::before(&desk, move |path, body| {
        *told.lock().unwrap() += &format!("{path} {body}\n");
        None
    });
    for args in [
        &["--google-sheets", "-v"][..],
        &["--google-sheets", "--dry-run"],
        &["check"],
    ] {
        let mut command = desk.command_alone(args);
        command
            .env("OPENROUTER_BASE_URL", proxy.models())
            .env("TAVILY_BASE_URL", proxy.searches());
        let seen = ended(command.output().unwrap());
        assert!(matches!(seen.code, Some(0 | 1)), "{seen:#?}");
        let all = format!("{}{}", seen.out, seen.err);
        assert!(
            !all.contains("hunter2") && !all.contains("night-editor"),
            "{all}"
        );
    }
    assert!(sent.lock().unwrap().contains("kalleh.com"));
    assert!(!sent.lock().unwrap().contains("hunter2"));
    for (path, bytes) in files(desk.folder.path()) {
        let text = String::from_utf8_lossy(&bytes);
        let is_list = path.ends_with("list.csv");
        assert!(is_list || !text.contains("hunter2"), "{}", path.display());
    }
    for row in desk.sandbox.rows() {
        let own = row.iter().skip(3);
        assert!(own.clone().all(|cell| !cell.contains("hunter2")), "{row:?}");
    }
}

#[test]
fn a_key_that_comes_back_in_base64_shows_nowhere() {
    let desk = Desk::with_list(&list_of(2));
    let key = desk.sandbox.openrouter_key().to_owned();
    let forms: Vec<String> = ["", "u:", "us:", "usr:"]
        .iter()
        .flat_map(|user| {
            let text = format!("{user}{key}");
            [
                BASE64_STANDARD.encode(&text),
                BASE64_STANDARD_NO_PAD.encode(&text),
                BASE64_URL_SAFE.encode(&text),
                BASE64_URL_SAFE_NO_PAD.encode(&text),
            ]
        })
        .collect();
    let said = serde_json::json!({"error": {"code": 400, "message": format!("no such user: Basic {}", forms.join(" or "))}});
    let said = said.to_string();
    let proxy = Proxy::before(&desk, move |path, _| {
        path.ends_with("/chat/completions")
            .then(|| (400, said.clone()))
    });
    let mut command = desk.command_alone(&["--brands", "list.csv", "-v"]);
    command.env("OPENROUTER_BASE_URL", proxy.models());
    let seen = ended(command.output().unwrap());
    assert!(seen.err.contains("Basic [secret]"), "{seen:#?}");
    let mut written = format!("{}{}", seen.out, seen.err);
    for (_, bytes) in files(desk.folder.path()) {
        written += &String::from_utf8_lossy(&bytes);
    }
    for form in &forms {
        let middle = &form[8..24];
        assert!(!written.contains(middle), "{middle}");
    }
}
