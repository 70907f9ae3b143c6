// Rows and columns of the input from an output of a convolution to the next.

override s_h: u32 = 1u;
override s_w: u32 = 1u;
