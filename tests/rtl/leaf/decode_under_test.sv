// decode.sv as decode_test.cpp sees it: the straps that it reads as ports of their own, no structures.
module decode_under_test
  import isa_pkg::*;
  import platform_pkg::*;
(
  input  logic [31:0]  word_i [MaxWords],
  input  logic [3:0]   available_i,
  input  logic [3:0]   width_i,
  input  logic [3:0]   literal_slots_i,
  input  logic         offset_i,
  input  logic [8:0]   slot_units_i [MaxWords],
  input  logic [7:0]   latency_i [NumLatencies],

  output logic         fault_o,
  output logic [15:0]  fault_info_o,
  output logic [3:0]   count_o,
  output logic [5:0]   bytes_o,
  output logic [9:0]   row_o   [MaxWords],
  output logic [5:0]   rd_o    [MaxWords],
  output logic [5:0]   ra_o    [MaxWords],
  output logic [5:0]   rb_o    [MaxWords],
  output logic [5:0]   rc_o    [MaxWords],
  output logic [2:0]   fd_o    [MaxWords],
  output logic         literal_o [MaxWords],
  output logic         long_o  [MaxWords],
  output logic [3:0]   cond_o  [MaxWords],
  output logic [1:0]   scale_o [MaxWords],
  output logic [7:0]   alias_o [MaxWords],
  output logic [11:0]  selector_o [MaxWords],
  output logic [63:0]  imm_o   [MaxWords],
  output logic [127:0] needs_o,
  output logic [19:0]  effects_o,
  output logic [7:0]   div_cycles_o,
  output logic [7:0]   fp_div_cycles_o
);
  straps_t straps;
  always_comb begin
    straps               = '0;
    straps.width         = width_i;
    straps.literal_slots = literal_slots_i;
    straps.offset        = offset_i;
  end
  /* verilator lint_off UNUSEDSIGNAL */
  atom_info_t info [MaxWords];  // the row's entry in the table
  /* verilator lint_on UNUSEDSIGNAL */

  decode dut (.straps_i(straps), .info_o(info), .*);
endmodule
