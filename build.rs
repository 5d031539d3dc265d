//! Compiles what is written in C, sets how the shared library is linked, and with feature `header` keeps
//! include/threading.h the same as src/capi.

#[cfg(feature = "header")]
#[path = "src/capi/header/generate.rs"]
mod header;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    compile_c();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        link_shared_library();
    }
    #[cfg(feature = "header")]
    header::refresh();
}

/// The frame under user callbacks must be unwindable, so that `pthread_exit` and C++ exceptions can pass it.
fn compile_c() {
    println!("cargo::rerun-if-changed=src/frame");
    println!("cargo::rerun-if-changed=src/sys/tools.c");
    cc::Build::new()
        .file("src/frame/frame.c")
        .file("src/sys/tools.c")
        .std("c11")
        .flag("-fexceptions")
        .flag("-fvisibility=hidden")
        .force_frame_pointer(false)
        .pic(true)
        .flag_if_supported(format!("-ffile-prefix-map={}=/libthreading", env!("CARGO_MANIFEST_DIR")))
        .warnings(true)
        .extra_warnings(true)
        .compile("threading_c");
}

/// The SONAME changes when the ABI does. `nodelete` because threads of the library may outlive a `dlclose`.
fn link_shared_library() {
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libthreading.so.{major}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}
