// What the shadowed register file promises, for one register that the solver chooses. Part of shadow_file.sv.
//
// The model knows each result when its molecule issues, as the functional executor does: `working` and `shadow` are what
// the program sees. The value of a result that comes later is foretold: what arrives then is assumed to be that.

reg f_started = 1'b0;
always @(posedge clk_i) f_started <= 1'b1;
always @* assume (rst_ni == f_started);

(* anyconst *) reg [RegWidth-1:0] f_reg;
(* anyseq *)   reg [Width-1:0]    f_foretold;

reg [Width-1:0] f_working, f_shadow, f_pending;
reg             f_outstanding;

// -- this cycle, for the register ------------------------------------------------------------------------------------------------
reg             f_arrives, f_expected, f_twice;
reg [Width-1:0] f_arriving;
integer f_p;
always @* begin
  f_arrives = 0;
  f_expected = 0;
  f_twice = 0;
  f_arriving = 0;
  for (f_p = 0; f_p < WritePorts; f_p = f_p + 1)
    if (write_valid_i[f_p] && write_reg_i[f_p*RegWidth +: RegWidth] == f_reg) begin
      if (f_arrives) f_twice = 1;
      f_arrives = 1;
      f_arriving = write_data_i[f_p*Width +: Width];
    end
  for (f_p = 0; f_p < ExpectPorts; f_p = f_p + 1)
    if (expect_valid_i[f_p] && expect_reg_i[f_p*RegWidth +: RegWidth] == f_reg) begin
      if (f_expected) f_twice = 1;
      f_expected = 1;
    end
end
always @* if (rst_ni) begin
  assume (!(commit_i && rollback_i));
  assume (!f_twice);
  assume (!(f_arrives && f_outstanding) || f_arriving == f_pending);
  // Rule O3, and no molecule writes a register twice.
  assume (!f_expected || (f_arrives == f_outstanding));
  assume (!f_expected || !f_arrives || f_outstanding);
end

// -- the model -----------------------------------------------------------------------------------------------------------------------
reg [Width-1:0] n_working, n_shadow;
always @* begin
  n_working = f_working;
  n_shadow = f_shadow;
  if (f_arrives && !f_outstanding) n_working = f_arriving;
  if (f_expected) n_working = f_foretold;
  if (commit_i) n_shadow = n_working;
  if (rollback_i && f_reg < Shadowed) n_working = n_shadow;
  if (f_reg == Zero) begin
    n_working = 0;
    n_shadow = 0;
  end
end
always @(posedge clk_i) begin
  f_working <= n_working;
  f_shadow <= n_shadow;
  if (f_expected && f_reg != Zero) f_pending <= f_foretold;
  f_outstanding <= f_reg != Zero && ((f_outstanding && !f_arrives) || f_expected);
  if (!rst_ni) begin
    f_working <= 0;
    f_shadow <= 0;
    f_outstanding <= 0;
  end
end

// -- what is proved -------------------------------------------------------------------------------------------------------------------
reg [ReadPorts-1:0] f_reads;
for (genvar p = 0; p < ReadPorts; p = p + 1) begin : f_read_ports
  always @* f_reads[p] = read_reg_i[p*RegWidth +: RegWidth] != f_reg || f_outstanding || read_data_o[p*Width +: Width] == f_working;
end
reg f_shadow_right;
integer f_s;
always @* begin
  f_shadow_right = 1;
  for (f_s = 0; f_s < Shadowed; f_s = f_s + 1)
    if (f_s == f_reg && !f_outstanding && shadow_o[f_s*Width +: Width] != f_shadow) f_shadow_right = 0;
end
always @* if (rst_ni) begin
  // Commit, rollback and results in any order and at any distance: a register that is ready holds what the program has.
  ReadsWorking:   assert (&f_reads);
  HoldsShadow:    assert (f_shadow_right);
  // Neither changes when a register is ready.
  KnowsOutstanding: assert (outstanding_o[f_reg] == f_outstanding);
end

`ifdef INDUCTION
reg [Regs-1:0]     f_same;
reg [Shadowed-1:0] f_fate;
for (genvar r = 0; r < Regs; r = r + 1) begin : f_registers
  if (r < Shadowed) begin : f_shadowed
    always @* begin
      f_same[r] = r != f_reg || r == Zero || (f_outstanding && !dropped_q[r]) || working_q[r] == f_working;
      f_fate[r] = r != f_reg || (!(committed_q[r] && dropped_q[r]) && (f_outstanding || !(committed_q[r] || dropped_q[r])) &&
                                 (!f_outstanding || dropped_q[r] || f_working == f_pending) &&
                                 (!committed_q[r] || f_shadow == f_pending) && (committed_q[r] || shadow_q[r] == f_shadow));
    end
  end else begin : f_plain
    always @* f_same[r] = r != f_reg || r == Zero || (f_outstanding ? f_working == f_pending : working_q[r] == f_working);
  end
end
always @* if (rst_ni) begin
  Same:      assert (&f_same);
  Fate:      assert (&f_fate);
  ZeroReady: assert (f_reg != Zero || (!f_outstanding && f_working == 0 && f_shadow == 0));
end
`endif
