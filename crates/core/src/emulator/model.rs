//! The phones that can be tried, and what each says of itself.

/// Phones that show the directory in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Letters of ISO 8859-1 only.
    Cisco7940,
    /// Select is the leftmost key.
    Cisco7965,
    /// Exit is the leftmost key.
    Cisco8845,
    /// Multiplatform firmware.
    Mpp8851,
    /// Turns pages by a key of its own.
    Spa504,
}

impl Model {
    pub const ALL: [Model; 5] =
        [Model::Cisco7940, Model::Cisco7965, Model::Cisco8845, Model::Mpp8851, Model::Spa504];

    /// What people type to choose it.
    pub fn word(self) -> &'static str {
        match self {
            Model::Cisco7940 => "7940",
            Model::Cisco7965 => "7965",
            Model::Cisco8845 => "8845",
            Model::Mpp8851 => "8851",
            Model::Spa504 => "spa504",
        }
    }

    /// The one of this [`word`](Model::word).
    pub fn named(word: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|it| it.word() == word)
    }

    /// One line for people.
    pub fn about(self) -> &'static str {
        match self {
            Model::Cisco7940 => "Letters of ISO 8859-1 only",
            Model::Cisco7965 => "Select is the leftmost key",
            Model::Cisco8845 => "Exit is the leftmost key",
            Model::Mpp8851 => "Multiplatform firmware",
            Model::Spa504 => "Turns pages by a key of its own",
        }
    }

    /// The headers that such a phone sends.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        const UNICODE: (&str, &str) = ("accept-charset", "utf-8,iso-8859-1;q=0.8");
        match self {
            Model::Cisco7940 => &[
                ("x-ciscoipphonemodelname", "CP-7940G"),
                ("accept-charset", "iso-8859-1, utf-8;q=0.8"),
            ],
            Model::Cisco7965 => &[("x-ciscoipphonemodelname", "CP-7965G"), UNICODE],
            Model::Cisco8845 => &[("x-ciscoipphonemodelname", "CP-8845"), UNICODE],
            Model::Mpp8851 => &[("user-agent", "Cisco-CP-8851-3PCC/11.3.1 (0)"), UNICODE],
            Model::Spa504 => &[("user-agent", "Cisco/SPA504G-7.4.9c (0)(0)"), UNICODE],
        }
    }
}
