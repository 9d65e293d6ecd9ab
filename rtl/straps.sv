// The straps: what the machine file says and the hardware does not fix (rtl/README.md, "Built in, strapped").
module straps
  import isa_pkg::*;
  import platform_pkg::*;
(
  input  logic       clk_i,
  input  logic       rst_ni,
  output straps_t    straps_o,
  output logic [8:0] slot_units_o [MaxWords],   // unit classes of each slot
  output logic [7:0] latency_o [NumLatencies]
);
  straps_t    straps_q;
  logic [8:0] slot_units_q [MaxWords];
  logic [7:0] latency_q [NumLatencies];
  // Loaded while in reset, at the clock: their values are no constants.
  /* verilator lint_off SYNCASYNCNET */
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      straps_q.concealed_base <= bus_strap(StrapConcealedBase);
      straps_q.concealed_size <= bus_strap(StrapConcealedSize);
      straps_q.guest_size     <= bus_strap(StrapGuestSize);
      straps_q.reset_vector   <= bus_strap(StrapResetVector);
      straps_q.features       <= 5'(bus_strap(StrapFeatures));
      straps_q.width          <= 4'(bus_strap(StrapWidth));
      straps_q.literal_slots  <= 4'(bus_strap(StrapLiteralSlots));
      straps_q.offset         <= 1'(bus_strap(StrapOffset));
      straps_q.alias_entries  <= 4'(bus_strap(StrapAliasEntries));
      straps_q.store_entries  <= 16'(bus_strap(StrapStoreEntries));
      straps_q.miss_registers <= 8'(bus_strap(StrapMissRegisters));
      straps_q.ports          <= 8'(bus_strap(StrapPorts));
      straps_q.jtb_entries    <= 16'(bus_strap(StrapJtbEntries));
      straps_q.return_entries <= 16'(bus_strap(StrapReturnEntries));
      straps_q.branch         <= 8'(bus_strap(StrapBranch));
      straps_q.indirect       <= 8'(bus_strap(StrapIndirect));
      straps_q.ret            <= 8'(bus_strap(StrapReturn));
      straps_q.rollback       <= 8'(bus_strap(StrapRollback));
      straps_q.entry          <= 8'(bus_strap(StrapEvent));
      straps_q.eret           <= 8'(bus_strap(StrapEret));
      for (int unsigned i = 0; i < MaxWords; i++) slot_units_q[i] <= 9'(bus_strap(StrapSlots + i));
      for (int unsigned i = 0; i < NumLatencies; i++) latency_q[i] <= 8'(bus_strap(StrapLatencies + i));
    end
  end
  /* verilator lint_on SYNCASYNCNET */
  assign straps_o     = straps_q;
  assign slot_units_o = slot_units_q;
  assign latency_o    = latency_q;
endmodule
