// Which registers the atoms of a molecule write, loads apart, and how many cycles after its issue each is ready (O1, X2). Combinational.
// Of several atoms for one iterative unit each waits for those before it.
`include "loops.svh"

module latencies
  import isa_pkg::*;
#(
  parameter int unsigned Width = 4
) (
  input  logic         go_i,                    // the molecule executes
  input  logic [3:0]   count_i,
  input  atom_info_t   info_i [MaxWords],
  input  logic [5:0]   rd_i   [MaxWords],
  input  logic [2:0]   fd_i   [MaxWords],
  input  logic         int_write_i [Width], flags_write_i [Width], vector_write_i [Width],
  input  logic [7:0]   latency_i [NumLatencies],
  output logic         late_o      [Width],     // it writes something
  output logic [127:0] registers_o [Width],     // integer, then vector
  output logic [7:0]   latency_o   [Width]
);
  always_comb begin
    logic [10:0] div, fp_div;
    div    = '0;
    fp_div = '0;
    `ROLLED(i, Width) begin
      late_o[i]      = 1'b0;
      latency_o[i]   = latency_i[info_i[i].latency];
      registers_o[i] = '0;
      if (go_i && 4'(i) < count_i && !(info_i[i].effects[EffLoad] || info_i[i].effects[EffStore] || info_i[i].effects[EffProbe] ||
                                       info_i[i].effects[EffPrefetch])) begin
        if (32'(info_i[i].latency) == LatDiv) begin
          div = div + 11'(latency_o[i]);
          latency_o[i] = div > 11'd255 ? 8'd255 : div[7:0];
        end
        if (32'(info_i[i].latency) == LatFpDiv || 32'(info_i[i].latency) == LatFpSqrt) begin
          fp_div = fp_div + 11'(latency_o[i]);
          latency_o[i] = fp_div > 11'd255 ? 8'd255 : fp_div[7:0];
        end
        late_o[i] = int_write_i[i] || vector_write_i[i] || flags_write_i[i];
        if (int_write_i[i])    registers_o[i][{1'b0, rd_i[i]}] = 1'b1;
        if (vector_write_i[i]) registers_o[i][{1'b1, rd_i[i]}] = 1'b1;
        if (flags_write_i[i])  registers_o[i][7'd8 + 7'(fd_i[i])] = 1'b1;
      end
    end
  end
endmodule
