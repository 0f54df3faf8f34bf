//! The kinds of phones that the tests have, and what each says of itself.

/// A phone on a desk of the test suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// With enterprise firmware; sends every request twice, on two connections.
    Cisco7965,
    /// Draws ISO 8859-1 only.
    Cisco7940,
    Cisco8845,
    /// Multiplatform firmware.
    Mpp8851,
    /// Turns pages by `Refresh` only.
    Spa504,
}

/// The two charsets that phones read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Latin1,
}

impl Model {
    pub(crate) const ALL: [Model; 5] =
        [Model::Cisco7965, Model::Cisco7940, Model::Cisco8845, Model::Mpp8851, Model::Spa504];

    /// What it sends with every request, in its order.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        const ACCEPT: (&str, &str) = ("Accept", "x-CiscoIPPhone/*, text/*,image/png,*/*");
        const UNICODE: (&str, &str) = ("Accept-Charset", "utf-8,iso-8859-1;q=0.8");
        const AGENT: (&str, &str) = ("User-Agent", "Allegro-Software-WebClient/4.34");
        const GERMAN: (&str, &str) = ("Accept-Language", "de");
        match self {
            Model::Cisco7965 => &[
                AGENT,
                ACCEPT,
                GERMAN,
                UNICODE,
                ("x-CiscoIPPhoneModelName", "CP-7965G"),
                ("x-CiscoIPPhoneDisplay", "298,156,16,C"),
                ("x-CiscoIPPhoneSDKVersion", "8.5.1"),
            ],
            Model::Cisco7940 => &[
                ("User-Agent", "Allegro-Software-WebClient/3.12"),
                ACCEPT,
                GERMAN,
                ("Accept-Charset", "iso-8859-1, utf-8;q=0.8"),
                ("x-CiscoIPPhoneModelName", "CP-7940G"),
                ("x-CiscoIPPhoneDisplay", "133,65,2,G"),
                ("x-CiscoIPPhoneSDKVersion", "3.3.2"),
            ],
            Model::Cisco8845 => &[
                AGENT,
                ACCEPT,
                GERMAN,
                UNICODE,
                ("x-CiscoIPPhoneModelName", "CP-8845"),
                ("x-CiscoIPPhoneDisplay", "559,265,24,C"),
                ("x-CiscoIPPhoneSDKVersion", "9.0.1"),
            ],
            Model::Mpp8851 => {
                &[("User-Agent", "Cisco-CP-8851-3PCC/11.3.1 (ac7a561b2c3d)"), ACCEPT, UNICODE]
            }
            Model::Spa504 => {
                &[("User-Agent", "Cisco/SPA504G-7.4.9c (0011223344ff)(CBT1)"), ACCEPT, UNICODE]
            }
        }
    }

    /// What it puts behind the address that it was configured with.
    pub(super) fn appendix(self) -> &'static str {
        match self {
            Model::Cisco7965 => "locale=germany&name=SEP002155D64F77",
            Model::Cisco7940 => "locale=germany&name=SEP000D65AABBCC",
            Model::Cisco8845 => "locale=germany&name=SEP0056DDEE1122",
            Model::Mpp8851 | Model::Spa504 => "",
        }
    }

    /// How often it sends each request.
    pub(super) fn asks(self) -> usize {
        if self == Model::Cisco7965 { 2 } else { 1 }
    }

    pub(super) fn reads(self, charset: Charset) -> bool {
        charset == Charset::Latin1 || self != Model::Cisco7940
    }

    /// Whether it looks at soft keys of a page at all.
    pub(super) fn has_soft_keys(self) -> bool {
        self != Model::Spa504
    }
}
