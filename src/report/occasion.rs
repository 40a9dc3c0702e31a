//! The occasions that advertisers in Iran plan for.

use serde::{Deserialize, Serialize};

/// An occasion that advertisers in Iran plan for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    NowruzShopping,
    Nowruz,
    SizdahBedar,
    BackToSchool,
    Mehregan,
    Yalda,
    BlackFriday,
    Bahman22,
    ChaharshanbeSuri,
    MothersDay,
    FathersDay,
    Ramadan,
    EidFitr,
    EidQurban,
    EidGhadir,
    Ashura,
    Arbaeen,
    Muharram,
    Safar,
    QurbanToGhadir,
    Sepandarmazgan,
    ExamSeason,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::NowruzShopping,
        Self::Nowruz,
        Self::SizdahBedar,
        Self::BackToSchool,
        Self::Mehregan,
        Self::Yalda,
        Self::BlackFriday,
        Self::Bahman22,
        Self::ChaharshanbeSuri,
        Self::MothersDay,
        Self::FathersDay,
        Self::Ramadan,
        Self::EidFitr,
        Self::EidQurban,
        Self::EidGhadir,
        Self::Ashura,
        Self::Arbaeen,
        Self::Muharram,
        Self::Safar,
        Self::QurbanToGhadir,
        Self::Sepandarmazgan,
        Self::ExamSeason,
    ];
}
