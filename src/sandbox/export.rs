//! The export of the simulated spreadsheet, as anyone with the link can download it: a redirect to another address, and
//! there a workbook.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_xlsxwriter::{Workbook, XlsxError};

use super::{Services, SimulatedService, sheets};

/// The address that every export is asked for at; it sends everybody on.
pub(super) async fn export(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(end) = services
        .meet(SimulatedService::Sheets, false, 0.1, &headers, "")
        .await
    {
        return end;
    }
    if id != sheets::ID {
        return (StatusCode::NOT_FOUND, Html("<html>Page not found</html>")).into_response();
    }
    let to = format!("/export/{id}");
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
}

/// The workbook.
pub(super) async fn handed_out(
    State(services): State<Arc<Services>>,
    Path(_): Path<String>,
) -> Response {
    match workbook(&services) {
        Ok(bytes) => (
            [(
                header::CONTENT_TYPE,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            )],
            bytes,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn workbook(services: &Services) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let tab = book.add_worksheet();
    tab.set_name(services.spreadsheet.title())?;
    for (row, cells) in (0..).zip(services.spreadsheet.rows(None)) {
        for (column, cell) in (0..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            tab.write_string(row, column, cell)?;
        }
    }
    book.save_to_buffer()
}
