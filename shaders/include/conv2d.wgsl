// Extents of a convolution.

override h_in: u32;
override w_in: u32;
override c_in: u32;
override h_out: u32;
override w_out: u32;
override c_out: u32;
override k_h: u32;
override k_w: u32;
override pad_top: u32;
override pad_left: u32;
