//! Compiles the C frame under user callbacks, sets how the shared library is linked, and with feature `header` keeps
//! include/threading.h the same as src/capi.

#[cfg(feature = "header")]
#[path = "src/capi/header/generate.rs"]
mod header;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    compile_frame();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        link_shared_library();
    }
    #[cfg(feature = "header")]
    header::refresh();
}

/// The frame must be unwindable, so that `pthread_exit` and C++ exceptions can pass it.
fn compile_frame() {
    println!("cargo::rerun-if-changed=src/frame");
    cc::Build::new()
        .file("src/frame/frame.c")
        .std("c11")
        .flag("-fexceptions")
        .flag("-fvisibility=hidden")
        .pic(true)
        .warnings(true)
        .extra_warnings(true)
        .compile("threading_frame");
}

/// The SONAME changes when the ABI does. `nodelete` because threads of the library may outlive a `dlclose`.
fn link_shared_library() {
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libthreading.so.{major}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}
