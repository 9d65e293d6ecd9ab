// What registers with shadows promise, for one register that the solver chooses. Part of shadow_file.sv.
//
// The model is what the functional executor does (isa::Core::commit(), rollback()): a working value, a shadow.

reg f_started = 1'b0;
always @(posedge clk_i) f_started <= 1'b1;
always @* assume (rst_ni == f_started);

(* anyconst *) reg [RegWidth-1:0] f_reg;
always @* assume (f_reg < Regs);
always @* if (rst_ni) assume (!(commit_i && rollback_i));
// Ports name registers that there are.
genvar f_g;
for (f_g = 0; f_g < ReadPorts; f_g = f_g + 1) begin : f_reads_exist
  always @* assume (read_reg_i[f_g*RegWidth +: RegWidth] < Regs);
end
for (f_g = 0; f_g < WritePorts; f_g = f_g + 1) begin : f_writes_exist
  always @* assume (write_reg_i[f_g*RegWidth +: RegWidth] < Regs);
end

// -- the model -----------------------------------------------------------------------------------------------------------------------
reg [Width-1:0] f_working, f_shadow, n_working, n_shadow;
integer f_p;
always @* begin
  n_working = f_working;
  n_shadow = f_shadow;
  for (f_p = 0; f_p < WritePorts; f_p = f_p + 1)
    if (write_valid_i[f_p] && write_reg_i[f_p*RegWidth +: RegWidth] == f_reg) n_working = write_data_i[f_p*Width +: Width];
  if (commit_i) n_shadow = n_working;
  if (rollback_i && f_reg < Shadowed) n_working = n_shadow;
end
always @(posedge clk_i) begin
  f_working <= n_working;
  f_shadow <= n_shadow;
  if (!rst_ni) begin
    f_working <= 0;
    f_shadow <= 0;
  end
end

// -- what is proved -------------------------------------------------------------------------------------------------------------------
reg [ReadPorts-1:0] f_reads;
for (f_g = 0; f_g < ReadPorts; f_g = f_g + 1) begin : f_read_ports
  always @* f_reads[f_g] = !read_i || read_reg_i[f_g*RegWidth +: RegWidth] != f_reg || read_data_o[f_g*Width +: Width] == f_working;
end
reg f_shadow_right;
integer f_s;
always @* begin
  f_shadow_right = 1;
  for (f_s = 0; f_s < Shadowed; f_s = f_s + 1)
    if (f_s == f_reg && shadow_q[f_s] != f_shadow) f_shadow_right = 0;
end
always @* if (rst_ni) begin
  // Commits, rollbacks and writes in any order: every port reads what the program has.
  ReadsWorking: assert (&f_reads);
  // The shadow is what the register was after the last commit's molecule.
  HoldsShadow:  assert (f_shadow_right);
end

`ifdef INDUCTION
// No port may be reading the register, so that it is named here.
reg f_working_right;
always @* begin
  f_working_right = 1;
  for (f_s = 0; f_s < Regs; f_s = f_s + 1)
    if (f_s == f_reg && working_q[f_s] != f_working) f_working_right = 0;
end
always @* if (rst_ni) HoldsWorking: assert (f_working_right);
`endif
