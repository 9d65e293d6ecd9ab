// Branches that do not act last, and their look-up help: where the next molecule is and what getting there costs (B1 to B4).
// Combinational. Of several branches of a molecule the last that jumps holds.
`include "loops.svh"

module branch_unit
  import isa_pkg::*;
  import platform_pkg::*;
#(
  parameter int unsigned Width = 4
) (
  input  straps_t     straps_i,
  input  logic        go_i,                  // the molecule executes
  input  logic [63:0] pc_i,
  input  logic [63:0] behind_i,              // of the molecule behind it
  input  logic [3:0]  count_i,
  input  atom_info_t  info_i [MaxWords],
  input  logic [63:0] imm_i  [MaxWords],
  input  logic [3:0]  cond_i [MaxWords],
  input  logic [63:0] a_i [Width], b_i [Width],
  input  logic [63:0] epc_i,                 // eret's target

  output logic [63:0] next_pc_o,
  output logic [9:0]  penalty_o,             // if next_pc_o is not behind_i
  output logic        jtb_looks_up_o,
  output logic [31:0] jtb_guest_o,
  input  logic [31:0] top_guest_i,           // the return stack's top
  input  logic [63:0] top_host_i,
  output logic        pop_o,
  output logic [31:0] pop_guest_o,
  output logic        push_o,
  output logic [31:0] push_guest_o,
  output logic [63:0] push_host_o
);
  `include "conditions.svh"

  always_comb begin
    logic jumps;
    logic [63:0] target;
    next_pc_o      = behind_i;
    penalty_o      = 10'(straps_i.branch);
    jtb_guest_o    = '0;
    jtb_looks_up_o = 1'b0;
    pop_o          = 1'b0;
    pop_guest_o    = '0;
    push_o         = 1'b0;
    push_guest_o   = '0;
    push_host_o    = '0;
    jumps          = 1'b0;
    target         = '0;
    if (go_i) begin
      `ROLLED(i, Width) begin
        if (4'(i) < count_i && info_i[i].unit == 4'(UnitBranch)) begin
          target = pc_i + imm_i[i];
          jumps  = 1'b0;
          unique case (info_i[i].family)
            FamBr, FamCall: jumps = 1'b1;
            FamBrInd, FamCallInd: begin
              jumps     = 1'b1;
              target    = a_i[i];
              penalty_o = 10'(straps_i.indirect);
            end
            FamRet: begin
              pop_o       = 1'b1;
              pop_guest_o = a_i[i][31:0];
              jumps       = top_host_i != '0 && top_guest_i == a_i[i][31:0];
              target      = top_host_i;
              penalty_o   = 10'(straps_i.ret);
            end
            FamReturnPush: begin
              push_o       = 1'b1;
              push_guest_o = a_i[i][31:0];
              push_host_o  = target;
            end
            FamJtbLookup: begin
              jtb_looks_up_o = 1'b1;
              jtb_guest_o    = a_i[i][31:0];
            end
            FamBrCc:   jumps = holds(cond_i[i], a_i[i]);
            FamBrZ:    jumps = a_i[i] == '0;
            FamBrNz:   jumps = a_i[i] != '0;
            FamBrEq:   jumps = a_i[i] == b_i[i];
            FamBrNe:   jumps = a_i[i] != b_i[i];
            FamBrLtS:  jumps = $signed(a_i[i]) < $signed(b_i[i]);
            FamBrGeS:  jumps = $signed(a_i[i]) >= $signed(b_i[i]);
            FamBrLtU:  jumps = a_i[i] < b_i[i];
            FamBrGeU:  jumps = a_i[i] >= b_i[i];
            FamEret: begin
              jumps     = 1'b1;
              target    = epc_i;
              penalty_o = 10'(straps_i.eret);
            end
            default: ;
          endcase
          if (jumps) next_pc_o = target;
        end
      end
    end
  end
endmodule
