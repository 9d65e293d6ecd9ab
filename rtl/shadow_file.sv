// Registers of which the first ones have shadow copies: docs/host-isa.md, "Commit, rollback, events". The integer
// registers with the flags images, the vector registers and the shadowed special registers each are one.
//
//   read_*        what the working registers hold at the beginning of the cycle; 0 unless somebody reads (read_i).
//   write_*       at its end. Of several for one register the last port's holds.
//   commit_i      copies working registers to shadows, what is written in this cycle included.
//   rollback_i    copies shadows to working registers, over what is written in this cycle. Never with commit_i.
//
// A register without shadow keeps what it was given, whatever becomes of the molecule. Ports are flat vectors, port p at
// [p*Width +: Width]. Nothing here knows of latency: results are written when their molecule issues, and the scoreboard
// keeps them from being read early (rtl/README.md, "Values at issue").
module shadow_file #(
  parameter int unsigned Regs       = 64,
  parameter int unsigned Shadowed   = 16,   // registers 0 to Shadowed-1; at least 2
  parameter int unsigned Width      = 64,
  parameter int unsigned ReadPorts  = 20,
  parameter int unsigned WritePorts = 8,
  localparam int unsigned RegWidth  = $clog2(Regs)
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,

  input  logic                            read_i,
  input  logic [ReadPorts*RegWidth-1:0]   read_reg_i,
  output logic [ReadPorts*Width-1:0]      read_data_o,

  input  logic [WritePorts-1:0]           write_valid_i,
  input  logic [WritePorts*RegWidth-1:0]  write_reg_i,
  input  logic [WritePorts*Width-1:0]     write_data_i,

  input  logic                            commit_i,
  input  logic                            rollback_i
);
  localparam int unsigned ShadowWidth = $clog2(Shadowed);

  logic [Width-1:0] working_q [Regs] /*verilator public_flat_rd*/;
  logic [Width-1:0] shadow_q  [Shadowed] /*verilator public_flat_rd*/;

  always_comb begin
    read_data_o = '0;
    if (read_i) begin
      for (int unsigned p = 0; p < ReadPorts; p++) read_data_o[p*Width +: Width] = working_q[read_reg_i[p*RegWidth +: RegWidth]];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned r = 0; r < Regs; r++) working_q[r] <= '0;
      for (int unsigned r = 0; r < Shadowed; r++) shadow_q[r] <= '0;
    end else begin
      for (int unsigned p = 0; p < WritePorts; p++) begin
        if (write_valid_i[p]) working_q[write_reg_i[p*RegWidth +: RegWidth]] <= write_data_i[p*Width +: Width];
      end
      if (commit_i) begin
        for (int unsigned r = 0; r < Shadowed; r++) shadow_q[r] <= working_q[r];
        for (int unsigned p = 0; p < WritePorts; p++) begin
          if (write_valid_i[p] && 32'(write_reg_i[p*RegWidth +: RegWidth]) < Shadowed) begin
            shadow_q[write_reg_i[p*RegWidth +: ShadowWidth]] <= write_data_i[p*Width +: Width];
          end
        end
      end
      if (rollback_i) begin
        for (int unsigned r = 0; r < Shadowed; r++) working_q[r] <= shadow_q[r];
      end
    end
  end

  // -- assertions ------------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (rst_ni) NoCommitWithRollback: assert (!(commit_i && rollback_i));
  end
`endif
`ifdef FORMAL
  `include "shadow_file.svh"  // the properties that rtl/formal/prove.py proves
`endif
endmodule
