//! The amounts of money, exact to the last decimal that a service bills.

use std::{fmt, iter::Sum, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::text::number;

/// Amounts from here on are no prices, and those below are nothing.
const LARGEST: f64 = 1e9;
const SMALLEST: f64 = 1e-12;

/// An amount of US dollars, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(Decimal);

/// Why a text or number is not an amount.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an amount of US dollars: write a number such as 50 or 12.5")]
pub struct NotMoney(String);

impl Usd {
    /// Nothing.
    pub const ZERO: Usd = Usd(Decimal::ZERO);

    /// Reads a JSON number as services send it; `None` when negative, infinite or too large to be a price.
    pub fn from_f64(amount: f64) -> Option<Self> {
        if !(0.0..LARGEST).contains(&amount) {
            return None;
        }
        if amount < SMALLEST {
            return Some(Self::ZERO);
        }
        // The 15 significant digits that every JSON number carries: more of them change when they are written and read.
        let exact = Decimal::from_scientific(&format!("{amount:.14e}")).ok()?;
        Some(Usd(exact.normalize()))
    }

    /// This amount, `count` times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Usd(self
            .0
            .checked_mul(Decimal::from(count))
            .unwrap_or(Decimal::MAX))
    }

    /// This amount multiplied by a ratio that is not negative.
    #[must_use]
    pub fn scaled(self, ratio: Decimal) -> Self {
        Usd(self
            .0
            .checked_mul(ratio.max(Decimal::ZERO))
            .unwrap_or(Decimal::MAX))
    }

    /// What is left after `other` is taken away; zero when `other` is larger.
    #[must_use]
    pub fn minus(self, other: Usd) -> Self {
        Usd(self.0.saturating_sub(other.0).max(Decimal::ZERO))
    }

    /// This amount in whole cents, and never less.
    #[must_use]
    pub fn up_to_cents(self) -> Self {
        Usd(self
            .0
            .round_dp_with_strategy(2, RoundingStrategy::AwayFromZero))
    }

    /// How often `other` fits into this amount; `None` when it is nothing.
    pub fn in_units_of(self, other: Usd) -> Option<usize> {
        usize::try_from(self.0.checked_div(other.0)?).ok()
    }

    /// Whether no call, brand or run can have cost so much: what says so is damaged.
    pub fn is_absurd(self) -> bool {
        self.0 >= Decimal::from(10_000)
    }

    /// US dollars as a floating-point number, for JSON and spreadsheets only.
    pub fn as_f64(self) -> f64 {
        // Through text, which is read to the nearest number there is.
        self.0.to_string().parse().unwrap_or(f64::MAX)
    }
}

impl std::ops::Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, |sum, amount| sum + amount)
    }
}

impl FromStr for Usd {
    type Err = NotMoney;
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let number = number(text);
        let plain = number.trim_matches('$').trim();
        Decimal::from_str(plain)
            .or_else(|_| Decimal::from_scientific(plain))
            .ok()
            .filter(|amount| !amount.is_sign_negative() || amount.is_zero())
            .filter(|amount| *amount < Decimal::from(1_000_000_000))
            .map(Usd)
            .ok_or_else(|| NotMoney(text.to_owned()))
    }
}

/// `$2.50`; amounts below ten cents with four decimals, because a brand costs about a cent.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let small = !self.0.is_zero() && self.0 < Decimal::new(10, 2);
        let decimals = if small { 4 } else { 2 };
        let rounded = self
            .0
            .round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        write!(f, "${rounded:.*}", decimals as usize)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = f64::deserialize(deserializer)?;
        Usd::from_f64(amount).ok_or_else(|| D::Error::custom(NotMoney(amount.to_string())))
    }
}

/// The exact amount as text, for storage.
impl Usd {
    /// All decimals, without a currency sign: `0.0001425`.
    pub fn exact(self) -> String {
        self.0.normalize().to_string()
    }
}

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars, those for credits included.
    pub usd: Usd,
    /// Search credits.
    pub credits: u32,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.usd += other.usd;
        self.credits += other.credits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_services_and_people_write() {
        assert_eq!("0.0000001".parse::<Usd>().unwrap().exact(), "0.0000001");
        assert_eq!("1e-7".parse::<Usd>().unwrap().exact(), "0.0000001");
        assert_eq!("$50".parse::<Usd>().unwrap().to_string(), "$50.00");
        assert_eq!(Usd::from_f64(0.000_142_5).unwrap().exact(), "0.0001425");
        for bad in ["", "-1", "abc", "1e40", "NaN", "inf"] {
            assert!(bad.parse::<Usd>().is_err(), "{bad}");
        }
        assert!(Usd::from_f64(f64::NAN).is_none());
        assert!(Usd::from_f64(-0.5).is_none());
        assert!(Usd::from_f64(1e300).is_none());
    }

    #[test]
    fn small_amounts_show_their_decimals() {
        assert_eq!("0.0123".parse::<Usd>().unwrap().to_string(), "$0.0123");
        assert_eq!("2.5".parse::<Usd>().unwrap().to_string(), "$2.50");
        assert_eq!(Usd::ZERO.to_string(), "$0.00");
    }

    proptest! {
        #[test]
        fn storage_loses_nothing(micros in 0u64..10_000_000_000, scale in 6u32..12) {
            let amount = Usd(Decimal::from_i128_with_scale(i128::from(micros), scale));
            prop_assert_eq!(amount.exact().parse::<Usd>().unwrap(), amount);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        }

        /// Whatever number a service sends, it is the same amount after it was written and read.
        #[test]
        fn a_number_is_the_same_after_it_was_written(amount in 0.0f64..10.0, exponent in -40..8) {
            let amount = Usd::from_f64(amount * 10f64.powi(exponent)).unwrap();
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        }

        #[test]
        fn sums_do_not_depend_on_order(mut cents in proptest::collection::vec(0i64..1_000_000, 0..40)) {
            let sum = |list: &[i64]| list.iter().map(|&c| Usd(Decimal::new(c, 7))).sum::<Usd>();
            let forward = sum(&cents);
            cents.reverse();
            prop_assert_eq!(sum(&cents), forward);
        }
    }
}
