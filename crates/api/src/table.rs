//! The macro behind the tables of triggers and actions: one line there is one member everywhere.

/// Makes a one-of from a table: the struct of optional members as users write it (a newer member
/// is ignored by an older operator instead of making the object unreadable), the CEL rule for
/// "exactly one", the enum that the engine matches on exhaustively, and the names.
macro_rules! one_of {
    (
        $(#[$struct_doc:meta])* struct $Struct:ident;
        $(#[$enum_doc:meta])* enum $Enum:ident;
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

        impl $Enum {
            /// Every name, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$first_wire $(, $wire)*];

            /// The member's name in manifests and records.
            pub fn name(&self) -> &'static str {
                match self { Self::$First(_) => $first_wire, $( Self::$Type(_) => $wire, )* }
            }

            /// The member's label value in metrics.
            pub fn label(&self) -> &'static str {
                match self { Self::$First(_) => $first_label, $( Self::$Type(_) => $label, )* }
            }
        }
    };
}

pub(crate) use one_of;
