// A register file whose first registers have shadow copies: docs/host-isa.md, "Commit, rollback, events";
// docs/timing.md, rules O5 and O6.
//
// A molecule's results arrive in the cycle of its issue (latency 1) or later. What arrives in a cycle can be read
// from the next cycle on.
//
//   read_*        what the working registers hold at the beginning of the cycle.
//   write_*_i     a result arrives. No two for one register in one cycle.
//   expect_*_i    the molecule that issues in this cycle has a result for the register that comes later. Until it has
//                 arrived nothing else is written or expected there (rule O3: the scoreboard sees to it).
//   commit_i      copies working registers to shadows, the molecule's own results included. One that has not arrived
//                 yet goes to both when it does.
//   rollback_i    copies shadows to working registers, and drops the results of all molecules since the last commit,
//                 those of this cycle included; one that has not arrived yet is dropped when it does. A result of a
//                 molecule before the last commit arrives in both all the same. Never with commit_i.
//   outstanding_o registers whose result has not arrived: commit and rollback do not change it, as neither waits for
//                 results nor changes when a register is ready.
//   shadow_o      the shadow registers, for the retire record and save and restore.
//
// Register Zero, if below Regs, always reads as 0: it is never written.
// Ports are flat vectors, port p at [p*Width +: Width].
module shadow_file #(
  parameter int unsigned Regs       = 64,
  parameter int unsigned Shadowed   = 16,   // registers 0 to Shadowed-1; at least 1
  parameter int unsigned Width      = 64,
  parameter int unsigned ReadPorts  = 8,
  parameter int unsigned WritePorts = 4,
  parameter int unsigned ExpectPorts = 4,
  parameter int unsigned Zero       = 63,
  localparam int unsigned RegWidth  = $clog2(Regs)
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,

  input  logic [ReadPorts*RegWidth-1:0]   read_reg_i,
  output logic [ReadPorts*Width-1:0]      read_data_o,

  input  logic [WritePorts-1:0]           write_valid_i,
  input  logic [WritePorts*RegWidth-1:0]  write_reg_i,
  input  logic [WritePorts*Width-1:0]     write_data_i,

  input  logic [ExpectPorts-1:0]          expect_valid_i,
  input  logic [ExpectPorts*RegWidth-1:0] expect_reg_i,

  input  logic                            commit_i,
  input  logic                            rollback_i,

  output logic [Regs-1:0]                 outstanding_o,
  output logic [Shadowed*Width-1:0]       shadow_o
);
  logic [Width-1:0]    working_q [Regs];
  logic [Width-1:0]    shadow_q  [Shadowed];
  // Of a result that has not arrived: whether its molecule is committed, or has been rolled back. Registers without
  // shadow keep what they are given, whatever becomes of the molecule.
  logic [Regs-1:0]     outstanding_q, outstanding_d;
  logic [Shadowed-1:0] committed_q, committed_d;
  logic [Shadowed-1:0] dropped_q, dropped_d;

  // -- what arrives ------------------------------------------------------------------------------------------------
  logic [Regs-1:0]  arrives;
  logic [Width-1:0] arriving [Regs];
  logic [Regs-1:0]  expected;
  always_comb begin
    arrives  = '0;
    expected = '0;
    for (int unsigned r = 0; r < Regs; r++) begin
      arriving[r] = '0;
      for (int unsigned p = 0; p < WritePorts; p++) begin
        if (write_valid_i[p] && 32'(write_reg_i[p*RegWidth +: RegWidth]) == r && r != Zero) begin
          arrives[r]  = 1'b1;
          arriving[r] = write_data_i[p*Width +: Width];
        end
      end
      for (int unsigned p = 0; p < ExpectPorts; p++) begin
        if (expect_valid_i[p] && 32'(expect_reg_i[p*RegWidth +: RegWidth]) == r && r != Zero) expected[r] = 1'b1;
      end
    end
    outstanding_d = (outstanding_q & ~arrives) | expected;
  end

  // -- shadow control ------------------------------------------------------------------------------------------------
  logic [Shadowed-1:0] to_both;     // arrives, of a molecule before the last commit
  logic [Shadowed-1:0] discarded;   // arrives, of a molecule rolled back, now or before
  always_comb begin
    to_both   = arrives[Shadowed-1:0] & outstanding_q[Shadowed-1:0] & committed_q;
    discarded = arrives[Shadowed-1:0] & (dropped_q | ({Shadowed{rollback_i}} & ~to_both));
    committed_d = committed_q & outstanding_d[Shadowed-1:0] & ~expected[Shadowed-1:0];
    dropped_d   = dropped_q & outstanding_d[Shadowed-1:0] & ~expected[Shadowed-1:0];
    if (commit_i)   committed_d = outstanding_d[Shadowed-1:0] & ~dropped_d;
    if (rollback_i) dropped_d   = outstanding_d[Shadowed-1:0] & ~committed_d;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      outstanding_q <= '0;
      committed_q   <= '0;
      dropped_q     <= '0;
    end else begin
      outstanding_q <= outstanding_d;
      committed_q   <= committed_d;
      dropped_q     <= dropped_d;
    end
  end

  // -- the registers ---------------------------------------------------------------------------------------------------
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned r = 0; r < Regs; r++) working_q[r] <= '0;
      for (int unsigned r = 0; r < Shadowed; r++) shadow_q[r] <= '0;
    end else begin
      for (int unsigned r = 0; r < Regs; r++) begin
        if (arrives[r]) working_q[r] <= arriving[r];
      end
      for (int unsigned r = 0; r < Shadowed; r++) begin
        if (to_both[r]) begin
          shadow_q[r] <= arriving[r];
        end else if (commit_i) begin
          shadow_q[r] <= arrives[r] && !discarded[r] ? arriving[r] : working_q[r];
        end
        if (discarded[r] && !rollback_i) working_q[r] <= working_q[r];
        if (rollback_i && !to_both[r]) working_q[r] <= shadow_q[r];
      end
    end
  end

  always_comb begin
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      read_data_o[p*Width +: Width] = working_q[read_reg_i[p*RegWidth +: RegWidth]];
    end
    for (int unsigned r = 0; r < Shadowed; r++) shadow_o[r*Width +: Width] = shadow_q[r];
  end
  assign outstanding_o = outstanding_q;

  // -- assertions ------------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (rst_ni) begin
      NoCommitWithRollback: assert (!(commit_i && rollback_i));
      OutputOrder: assert ((expected & outstanding_q & ~arrives) == '0);
      NotBothFates: assert ((committed_q & dropped_q) == '0);
    end
  end
`endif
`ifdef FORMAL
  `include "shadow_file.svh"  // the properties that rtl/formal/prove.py proves
`endif
endmodule
