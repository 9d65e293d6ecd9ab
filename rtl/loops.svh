// `ROLLED(i, n)`: a loop of n turns. Verilator would unroll it, and copy large bodies many times over; with a condition that it
// cannot evaluate the loop stays one in C++, where the compiler finds that the condition is constant. To
// synthesis it is a plain loop.
`ifndef CHRYSALIS_LOOPS_SVH
`define CHRYSALIS_LOOPS_SVH
`ifdef SYNTHESIS
`define ROLLED(i, n) for (int unsigned i = 0; i < (n); i++)
`elsif VERILATOR
`define ROLLED(i, n) for (int unsigned i = 0; (i < (n)) && ($c32("1") != 32'd0); i++)
`else
`define ROLLED(i, n) for (int unsigned i = 0; i < (n); i++)
`endif
`endif
