//! What a round costs.

fn main() {
    divan::main();
}
