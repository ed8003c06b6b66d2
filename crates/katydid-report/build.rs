//! Says plainly that the viewer has to be built first: the report embeds its one file.

fn main() {
    let app = "../../viewer/dist/index.html";
    println!("cargo::rerun-if-changed={app}");
    if !std::path::Path::new(app).is_file() {
        println!("cargo::error=run `make setup`: viewer/dist/index.html is missing");
    }
}
