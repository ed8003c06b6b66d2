//! Conditions about the machine that the target runs on: of what there may be too little, and how much may be in use. They do not know
//! who measures it.

use serde::{Deserialize, Serialize};

/// What a machine has so much of and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Time of its processors. In use: neither idle nor waiting for a disk.
    Cpu,
    /// Its memory. In use: not available to a program that asks for it.
    Memory,
}

impl Resource {
    /// By the word that a condition has for it.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "cpu" => Some(Self::Cpu),
            "memory" => Some(Self::Memory),
            _ => None,
        }
    }
}

/// `cpu > 90%`: more than this share is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineLimit {
    /// As it was written.
    pub text: String,
    /// Of what.
    pub resource: Resource,
    /// 0.9 for 90 %.
    pub share: f64,
}
