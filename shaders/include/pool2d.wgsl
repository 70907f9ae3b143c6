// Extents of a pooling; stride = window.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;
