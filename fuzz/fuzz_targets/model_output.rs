#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brandintel::fuzzing::model_output(data));
