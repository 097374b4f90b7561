use super::{Attribute, AttributeChange, AttributeError, AttributeNames, Attributes};
use crate::version::LwM2mVersion;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use nom::{
    IResult, Parser,
    branch::alt,
    character::complete::{char, digit1, one_of},
    combinator::{all_consuming, opt, recognize},
    sequence::preceded,
};

/// A number longer than this is written with an exponent: a Uri-Query option holds 255 bytes.
const LONGEST_PLAIN_NUMBER: usize = 64;

impl AttributeChange {
    /// Reads the Uri-Query arguments of write-attributes: `pmin=10`, `gt=4.5`, `st` (unset), as the newest version
    /// knows them.
    ///
    /// # Errors
    /// What no client may accept: answered 4.00.
    pub fn from_queries<'a>(
        queries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AttributeError> {
        Self::from_queries_among(AttributeNames::known_to(LwM2mVersion::V1_2), queries)
    }

    /// Reads Uri-Query arguments of which only these attributes are legal: those of a version
    /// ([`AttributeNames::known_to`]), or of an observe-composite.
    ///
    /// # Errors
    /// What no client may accept, and every other name: answered 4.00.
    pub fn from_queries_among<'a>(
        legal: AttributeNames,
        queries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AttributeError> {
        let mut change = AttributeChange::default();
        for query in queries {
            let (name, value) = match query.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (query, None),
            };
            let attribute = Attribute::from_name(name)
                .filter(|attribute| legal.contains(*attribute))
                .ok_or_else(|| AttributeError::Unknown(name.into()))?;
            if change.names().contains(attribute) {
                return Err(AttributeError::Repeated(attribute.name()));
            }
            match value {
                Some(value) => change.set.set_text(attribute, value)?,
                None => change.unset = change.unset.with(attribute),
            }
        }
        change.set.validate()?;
        Ok(change)
    }

    /// The Uri-Query arguments.
    pub fn to_queries(&self) -> Vec<String> {
        let unset = self.unset - self.set.names();
        let unset = unset.iter().map(|attribute| attribute.name().to_string());
        self.set.to_queries().into_iter().chain(unset).collect()
    }
}

impl Attributes {
    /// The Uri-Query arguments.
    pub fn to_queries(&self) -> Vec<String> {
        self.to_texts()
            .map(|(attribute, value)| format!("{}={value}", attribute.name()))
            .collect()
    }

    /// Each attribute that is set, with its value as it stands in a query or in link format.
    pub fn to_texts(&self) -> impl Iterator<Item = (Attribute, String)> {
        let texts = *self;
        Attribute::ALL
            .into_iter()
            .filter_map(move |attribute| Some((attribute, texts.text(attribute)?)))
    }

    fn text(&self, attribute: Attribute) -> Option<String> {
        let flag = |flag: bool| if flag { "1" } else { "0" }.to_string();
        match attribute {
            Attribute::Pmin => self.pmin.map(|v| v.to_string()),
            Attribute::Pmax => self.pmax.map(|v| v.to_string()),
            Attribute::Gt => self.gt.map(decimal_text),
            Attribute::Lt => self.lt.map(decimal_text),
            Attribute::St => self.st.map(decimal_text),
            Attribute::Epmin => self.epmin.map(|v| v.to_string()),
            Attribute::Epmax => self.epmax.map(|v| v.to_string()),
            Attribute::Edge => self.edge.map(flag),
            Attribute::Con => self.con.map(flag),
            Attribute::Hqmax => self.hqmax.map(|v| v.to_string()),
        }
    }

    pub(super) fn set_text(
        &mut self,
        attribute: Attribute,
        text: &str,
    ) -> Result<(), AttributeError> {
        let malformed = || AttributeError::Value(attribute.name());
        let integer = || integer(text).ok_or_else(malformed);
        let decimal = || decimal(text).ok_or_else(malformed);
        let flag = || match text {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(malformed()),
        };
        match attribute {
            Attribute::Pmin => self.pmin = Some(integer()?),
            Attribute::Pmax => self.pmax = Some(integer()?),
            Attribute::Gt => self.gt = Some(decimal()?),
            Attribute::Lt => self.lt = Some(decimal()?),
            Attribute::St => self.st = Some(decimal()?),
            Attribute::Epmin => self.epmin = Some(integer()?),
            Attribute::Epmax => self.epmax = Some(integer()?),
            Attribute::Edge => self.edge = Some(flag()?),
            Attribute::Con => self.con = Some(flag()?),
            Attribute::Hqmax => self.hqmax = Some(integer()?),
        }
        Ok(())
    }
}

fn integer(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The specification's grammar has neither sign nor exponent, which would make negative bounds impossible; both
/// are accepted, and the sign is sent.
fn decimal(text: &str) -> Option<f64> {
    let exponent = (one_of("eE"), opt(alt((char('+'), char('-')))), digit1);
    let number = (
        opt(char('-')),
        digit1,
        opt(preceded(char('.'), digit1)),
        opt(exponent),
    );
    let parsed: IResult<&str, &str> = all_consuming(recognize(number)).parse(text);
    let number: f64 = parsed.ok()?.1.parse().ok()?;
    number.is_finite().then_some(number)
}

fn decimal_text(number: f64) -> String {
    let plain = number.to_string();
    match plain.len() <= LONGEST_PLAIN_NUMBER {
        true => plain,
        false => format!("{number:e}"),
    }
}
