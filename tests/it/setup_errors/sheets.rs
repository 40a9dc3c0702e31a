//! Sheets and files that are no lists.

use std::fs;

use super::{keep, one, row, table};
use crate::common::{Desk, list_of};

#[test]
fn sheets_that_are_none() {
    let desk = Desk::with_list(&list_of(2));
    let id = "GOOGLE_SHEET_ID";
    let at = |path: &str| format!("https://docs.google.com/{path}");
    let of_the_sheet = "copy its address";
    let table = table(
        &desk,
        &[
            one(
                "a Google document",
                (id, at("document/d/1ieRgnZ296Ccw/edit")),
                2,
                &["GOOGLE_SHEET_ID", "a Google document", of_the_sheet],
            ),
            one(
                "a Google form",
                (id, at("forms/d/1ieRgnZ296Ccw/edit")),
                2,
                &["a Google form", of_the_sheet],
            ),
            one(
                "a folder in Drive",
                (id, "https://drive.google.com/drive/folders/1ieRgnZ296Ccw"),
                2,
                &["a folder in Google Drive", of_the_sheet],
            ),
            one(
                "a file in Drive",
                (id, "https://drive.google.com/file/d/1ieRgnZ296Ccw/view"),
                2,
                &["a file in Google Drive", "--brands"],
            ),
            one(
                "a published link",
                (id, at("spreadsheets/d/e/2PACX-1vQ/pubhtml")),
                2,
                &["Publish to the web", "copy the address"],
            ),
            one(
                "no id at all",
                (id, "my sheet"),
                2,
                &["neither a spreadsheet's id nor its URL", "copy the address"],
            ),
            one(
                "a key for the sheet",
                (id, "sk-or-v1-abcdefgh"),
                2,
                &[
                    "GOOGLE_SHEET_ID holds a key of OpenRouter",
                    "put the address of the spreadsheet there",
                ],
            ),
            one(
                "a sheet that was deleted",
                (id, "1ieRgnZ296CcwOfAnother"),
                3,
                &["not found", "Check GOOGLE_SHEET_ID"],
            ),
            one(
                "a private sheet without a credential",
                (id, "1ieRgnZ296CcwOfAnother"),
                3,
                &["Anyone with the link", "GOOGLE_APPLICATION_CREDENTIALS"],
            )
            .and("GOOGLE_APPLICATION_CREDENTIALS", ""),
            one(
                "no such tab",
                ("GOOGLE_SHEET_TAB", "برگهٔ دو"),
                2,
                &["GOOGLE_SHEET_TAB", "GOOGLE_SHEET_TAB: INPUT"],
            ),
            one(
                "no such tab in a public sheet",
                ("GOOGLE_SHEET_TAB", "برگهٔ دو"),
                2,
                &["GOOGLE_SHEET_TAB", "GOOGLE_SHEET_TAB: INPUT"],
            )
            .and("GOOGLE_APPLICATION_CREDENTIALS", ""),
        ],
    );
    keep("sheets", &table);
}

#[test]
fn lists_that_cannot_be_read() {
    let mut printed = String::new();
    for (what, list, says) in [
        (
            "sheet without a header",
            "کاله,kalleh.com\nمیهن,mihan.ir\n",
            &["no column for the brand's name", "Name the column"][..],
        ),
        (
            "header twice",
            "Brand,Website,برند,website\nx,y,z,w\n",
            &["«Website» twice", "rename the column"],
        ),
        ("empty sheet", "", &["is empty", "put a header"]),
    ] {
        let desk = Desk::with_list(list);
        printed += &row(&desk, what, desk.command(&["check"]), 2, says);
        let mut public = desk.command(&["check"]);
        public.env("GOOGLE_APPLICATION_CREDENTIALS", "");
        printed += &row(&desk, &format!("public {what}"), public, 2, says);
    }
    let desk = Desk::with_list(&list_of(1));
    fs::write(desk.path("western.csv"), b"Brand\nM\xF6bel\n").unwrap();
    fs::write(desk.path("book.csv"), b"PK\x03\x04").unwrap();
    fs::write(desk.path("half.xlsx"), b"PK\x03\x04").unwrap();
    for (what, file, says) in [
        (
            "no such file",
            "nowhere.csv",
            &["nowhere.csv cannot be read", "is the path right?"][..],
        ),
        ("not UTF-8", "western.csv", &["is not UTF-8", "CSV UTF-8"]),
        (
            "a PDF",
            "list.pdf",
            &[
                "a list is a .csv or an .xlsx file",
                "save it as one of them",
            ],
        ),
        (
            "half a workbook called CSV",
            "book.csv",
            &[
                "book.csv cannot be read as a workbook",
                "save it again as .xlsx",
            ],
        ),
        (
            "half a workbook",
            "half.xlsx",
            &[
                "half.xlsx cannot be read as a workbook",
                "save it again as .xlsx",
            ],
        ),
    ] {
        let mut command = desk.command(&["check", "--brands", file]);
        command.env_remove("GOOGLE_SHEET_ID");
        // What the system says of a file differs from system to system.
        let row = row(&desk, what, command, 2, says);
        printed += row.split(" (os error").next().unwrap().trim_end();
        printed += "\n\n";
    }
    keep("lists", &printed);
}
