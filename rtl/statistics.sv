// What the core counts for the simulator: rtl/model.cpp names the counters. No part of the machine, and not synthesised.
module statistics (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        taken_i,
  input  logic [1:0]  fetch_hits_i,
  input  logic        fetch_request_i,
  input  logic [3:0]  invalidated_i,
  input  logic        accesses_i,         // a molecule with accesses issues
  input  logic [2:0]  load_hits_i, load_misses_i, store_hits_i, store_misses_i, prefetches_i, dropped_i, forwarded_i, crossings_i,
  input  logic        drain_conflict_i,
  input  logic        rollback_atom_i,
  input  logic        commit_i,
  input  logic [63:0] released_i,         // stores that the commit releases
  input  logic        jtb_looks_up_i, jtb_hit_i,
  input  logic        pop_i, pop_hit_i,
  input  logic [63:0] commits_i, rollbacks_i,
  output logic [63:0] counter_o [24]
);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned i = 0; i < 24; i++) counter_o[i] <= '0;
    end else begin
      if (taken_i) counter_o[0] <= counter_o[0] + 64'd1;
      if (fetch_hits_i != '0)  counter_o[1] <= counter_o[1] + 64'(fetch_hits_i);
      if (fetch_request_i)     counter_o[2] <= counter_o[2] + 64'd1;
      if (invalidated_i != '0) counter_o[3] <= counter_o[3] + 64'(invalidated_i);
      if (accesses_i) begin
        counter_o[4]  <= counter_o[4] + 64'(load_hits_i);
        counter_o[5]  <= counter_o[5] + 64'(load_misses_i);
        counter_o[8]  <= counter_o[8] + 64'(prefetches_i);
        counter_o[9]  <= counter_o[9] + 64'(dropped_i);
        counter_o[10] <= counter_o[10] + 64'(forwarded_i);
        counter_o[11] <= counter_o[11] + 64'(crossings_i);
      end
      counter_o[6] <= counter_o[6] + 64'(store_hits_i);
      counter_o[7] <= counter_o[7] + 64'(store_misses_i);
      if (drain_conflict_i) counter_o[12] <= counter_o[12] + 64'd1;
      if (rollback_atom_i)  counter_o[13] <= counter_o[13] + 64'd1;
      if (commit_i) begin
        counter_o[14] <= counter_o[14] + released_i;
        if (released_i > counter_o[15]) counter_o[15] <= released_i;
      end
      if (jtb_looks_up_i) begin
        counter_o[16] <= counter_o[16] + 64'd1;
        counter_o[17] <= counter_o[17] + 64'(jtb_hit_i);
      end
      if (pop_i) begin
        counter_o[20] <= counter_o[20] + 64'd1;
        counter_o[21] <= counter_o[21] + 64'(pop_hit_i);
      end
      counter_o[18] <= commits_i;
      counter_o[19] <= rollbacks_i;
    end
  end
endmodule
