//! The macro behind the tables of triggers and actions: one line there is one member everywhere.

/// Makes a one-of from a table: the struct of optional members as users write it (a newer member
/// is ignored by an older operator instead of making the object unreadable), the CEL rule for
/// "exactly one", the enum that the engine matches on exhaustively, and its arms without parameters.
macro_rules! one_of {
    (
        $(#[$struct_doc:meta])* struct $Struct:ident;
        $(#[$enum_doc:meta])* enum $Enum:ident;
        $(#[$name_doc:meta])* names $Name:ident;
        says $message:literal;
        $first:ident: $First:ident = $first_wire:literal, $first_label:literal, $first_doc:literal;
        $( $field:ident: $Type:ident = $wire:literal, $label:literal, $doc:literal; )*
    ) => {
        $(#[$struct_doc])*
        #[derive(
            ::kube_derive::KubeSchema, ::serde::Serialize, ::serde::Deserialize, Clone, Debug, Default, PartialEq,
        )]
        #[x_kube(crates(kube_core = "::kube_core"))]
        #[x_kube(validation = ::kube_core::Rule::new(concat!(
            "[has(self.", $first_wire, ")" $(, ", has(self.", $wire, ")")*, "].filter(x, x).size() == 1"
        )).message($message))]
        pub struct $Struct {
            #[doc = $first_doc]
            #[serde(default, rename = $first_wire, skip_serializing_if = "Option::is_none")]
            pub $first: Option<$First>,
            $(
                #[doc = $doc]
                #[serde(default, rename = $wire, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$Type>,
            )*
        }

        $(#[$enum_doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $Enum {
            #[doc = $first_doc]
            $First($First),
            $( #[doc = $doc] $Type($Type), )*
        }

        impl $Struct {
            /// The one member that is set; `None` where none or several are, or only one that this
            /// version does not know.
            pub fn only(&self) -> Option<$Enum> {
                let mut set = [
                    self.$first.clone().map($Enum::$First),
                    $( self.$field.clone().map($Enum::$Type), )*
                ].into_iter().flatten();
                let only = set.next()?;
                set.next().is_none().then_some(only)
            }
        }

        impl From<$Enum> for $Struct {
            fn from(only: $Enum) -> Self {
                match only {
                    $Enum::$First(member) => Self { $first: Some(member), ..Self::default() },
                    $( $Enum::$Type(member) => Self { $field: Some(member), ..Self::default() }, )*
                }
            }
        }

        $(#[$name_doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize,
            ::schemars::JsonSchema,
        )]
        #[allow(missing_docs)] // schemars reorders documented variants
        pub enum $Name {
            #[serde(rename = $first_wire)]
            $First,
            $( #[serde(rename = $wire)] $Type, )*
        }

        impl $Name {
            /// Every one, in the order of the table.
            pub const ALL: &'static [Self] = &[Self::$First $(, Self::$Type)*];

            /// The name as manifests and records spell it.
            pub fn as_str(self) -> &'static str {
                match self { Self::$First => $first_wire, $( Self::$Type => $wire, )* }
            }

            /// The name as a word of its own, which symptoms are called by: `CrashLoop`
            pub fn title(self) -> &'static str {
                match self { Self::$First => stringify!($First), $( Self::$Type => stringify!($Type), )* }
            }

            /// Every name as manifests spell it, for messages.
            pub fn list() -> String {
                Self::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
            }

            /// Its label value in metrics.
            pub fn label(self) -> &'static str {
                match self { Self::$First => $first_label, $( Self::$Type => $label, )* }
            }
        }

        impl $Enum {
            /// Which one it is.
            pub fn name(&self) -> $Name {
                match self { Self::$First(_) => $Name::$First, $( Self::$Type(_) => $Name::$Type, )* }
            }
        }
    };
}

pub(crate) use one_of;
