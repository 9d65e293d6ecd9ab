// The fetch unit: L1I's tags and the line buffer. docs/timing.md, rules F1 to F6.
//
// The molecule's bits come from memory (platform_pkg); this unit says when they are there.
`include "loops.svh"

module fetch
  import isa_pkg::*;
#(
  parameter int unsigned Sets = 64,
  parameter int unsigned Ways = 2,
  parameter int unsigned Line = 64,
  parameter int unsigned WrittenPorts = 2
) (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        up_i,             // a molecule is up; from then on, until it has issued or raised an event
  input  logic        nowhere_i,        // where no code can be (B8)
  input  logic [63:0] pc_i,
  input  logic [5:0]  bytes_i,
  input  logic        redirected_i,     // it does not follow its predecessor in memory
  input  logic        done_i,           // it leaves in this cycle
  output logic        ready_o,          // its bits are there
  output logic        waits_for_line_o, // else: for a line, or (F4) for the cycle after a line

  output logic        request_o,        // a line from the second level
  output logic [63:0] request_line_o,
  input  logic        arrived_i,        // the line that was requested is there

  input  logic        written_i      [WrittenPorts],  // lines that are written in this cycle (F6)
  input  logic [63:0] written_line_i [WrittenPorts],
  input  logic        range_i,          // bytes that the platform wrote in the last cycle
  input  logic [63:0] range_begin_i, range_end_i,

  output logic [1:0]  hits_o,           // lines read in this cycle that L1I held
  output logic [3:0]  invalidated_o     // lines dropped in this cycle
);
  localparam int unsigned LineWidth = $clog2(Line);
  localparam int unsigned SetWidth  = Sets > 1 ? $clog2(Sets) : 1;
  localparam int unsigned TagWidth  = 40 - LineWidth - (Sets > 1 ? SetWidth : 0);
`include "tag_set.svh"

  localparam logic [63:0] LineMask = ~(64'(Line) - 64'd1);

  typedef enum logic [2:0] {StFirst, StFirstWait, StGap, StSecond, StSecondWait, StDone} state_e;
  state_e      state_q, state_d;
  logic        buffered_q, buffered_d;
  logic [63:0] buffer_q, buffer_d;      // line in the line buffer
  set_t            set_q [Sets];
  logic [Sets-1:0] used_q;              // sets that have been written; the others are empty

  function automatic logic [SetWidth-1:0] set_of(input logic [63:0] line);
    return Sets > 1 ? line[LineWidth +: SetWidth] : '0;
  endfunction
  function automatic set_t read_set(input logic [SetWidth-1:0] index);
    return used_q[index] ? set_q[index] : empty_set();
  endfunction
  function automatic logic [TagWidth-1:0] tag_of(input logic [63:0] line);
    return line[39 -: TagWidth];
  endfunction
  function automatic logic in_range(input logic [63:0] line);
    return range_i && line + 64'(Line) > range_begin_i && line < range_end_i;
  endfunction

  logic [63:0]    first, second;
  logic           first_hit, second_hit;
  logic           update [2];
  set_t           updated [2];

  // The lines of the platform's range are gone already.
  always_comb begin
    set_t s;
    logic [Ways-1:0] way;
    logic held;
    first        = pc_i & LineMask;
    second       = (pc_i + 64'(bytes_i) - 64'd1) & LineMask;
    state_d      = state_q;
    buffered_d   = buffered_q && !in_range(buffer_q);
    buffer_d     = buffer_q;
    ready_o      = 1'b0;
    waits_for_line_o = 1'b0;
    request_o    = 1'b0;
    request_line_o = first;
    first_hit    = 1'b0;
    second_hit   = 1'b0;
    held         = 1'b0;
    s            = '0;
    way          = '0;
    for (int unsigned i = 0; i < 2; i++) begin
      update[i]  = 1'b0;
      updated[i] = '0;
    end
    if (up_i) begin
      if (nowhere_i || state_q == StDone) begin
        ready_o = 1'b1;
      end else begin
        held = buffered_d && buffer_q == first;
        // The first line.
        if (state_q == StFirst) begin
          if (held) begin
            state_d = StSecond;
          end else begin
            buffered_d = 1'b1;
            buffer_d   = first;
            s          = read_set(set_of(first));
            way        = ways_with(s, tag_of(first));
            if (way != '0 && !in_range(first)) begin
              first_hit = 1'b1;
              updated[0] = touched(s, way);
              state_d   = StSecond;
            end else begin
              updated[0] = entered(s, way != '0 ? way : victim_way(s), tag_of(first), 1'b0);
              request_o = 1'b1;
              state_d   = StFirstWait;
              waits_for_line_o = 1'b1;
            end
            update[0] = 1'b1;
          end
        end else if (state_q == StFirstWait) begin
          if (arrived_i) state_d = StSecond;
          else           waits_for_line_o = 1'b1;
        end else if (state_q == StGap) begin
          state_d = StSecond;
        end
        // The second: a cycle later after a redirect (F4).
        if (state_d == StSecond) begin
          if (first == second) begin
            state_d = StDone;
            ready_o = 1'b1;
          end else if (redirected_i && state_q != StGap) begin
            state_d = StGap;
          end else begin
            buffered_d  = 1'b1;
            buffer_d    = second;
            s           = read_set(set_of(second));
            if (update[0] && set_of(second) == set_of(first)) s = updated[0];
            way         = ways_with(s, tag_of(second));
            if (way != '0 && !in_range(second)) begin
              second_hit = 1'b1;
              updated[1] = touched(s, way);
              state_d    = StDone;
              ready_o    = 1'b1;
            end else begin
              updated[1] = entered(s, way != '0 ? way : victim_way(s), tag_of(second), 1'b0);
              request_o  = 1'b1;
              request_line_o = second;
              state_d    = StSecondWait;
              waits_for_line_o = 1'b1;
            end
            update[1] = 1'b1;
          end
        end else if (state_q == StSecondWait) begin
          if (arrived_i) begin
            state_d = StDone;
            ready_o = 1'b1;
          end else begin
            waits_for_line_o = 1'b1;
          end
        end
      end
    end
    hits_o = 2'(first_hit) + 2'(second_hit);
  end

  // -- written lines --------------------------------------------------------------------------------------------------
  // A molecule that stores may touch its own lines in the same cycle, and two stores may meet in one set.
  logic [WrittenPorts-1:0] drop;
  set_t                    dropped [WrittenPorts];
  logic                    drop_buffer;
  always_comb begin
    set_t s;
    logic [Ways-1:0] way;
    invalidated_o = '0;
    drop_buffer   = 1'b0;
    drop          = '0;
    s             = '0;
    way           = '0;
    for (int unsigned i = 0; i < WrittenPorts; i++) begin
      dropped[i] = '0;
      if (written_i[i]) begin
        s = read_set(set_of(written_line_i[i]));
        if (update[0] && set_of(first) == set_of(written_line_i[i])) s = updated[0];
        if (update[1] && set_of(second) == set_of(written_line_i[i])) s = updated[1];
        for (int unsigned j = 0; j < i; j++) if (drop[j] && set_of(written_line_i[j]) == set_of(written_line_i[i])) s = dropped[j];
        way = ways_with(s, tag_of(written_line_i[i]));
        if (way != '0) begin
          drop[i]       = 1'b1;
          s.valid       = s.valid & ~way;
          dropped[i]    = s;
          invalidated_o = invalidated_o + 4'd1;
          if (buffered_d && buffer_d == written_line_i[i]) drop_buffer = 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q    <= StFirst;
      buffered_q <= 1'b0;
      buffer_q   <= '0;
      used_q <= '0;
    end else begin
      state_q    <= done_i ? StFirst : state_d;
      buffered_q <= buffered_d && !drop_buffer;
      buffer_q   <= buffer_d;
`ifdef SYNTHESIS
      if (range_i) used_q <= '0;
`endif
      for (int unsigned i = 0; i < 2; i++) if (update[i]) used_q[set_of(i == 0 ? first : second)] <= 1'b1;
    end
  end

  // The tags. What the platform has written is looked for everywhere; that loop over all sets is why assignments
  // block: no other process reads set_q at the clock's edge. No chip could look at all tags in a cycle: there such a write
  // empties L1I.
  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk_i) begin
`ifndef SYNTHESIS
    if (range_i) begin
      `ROLLED(s, Sets) begin
        `ROLLED(w, Ways) begin
          if (in_range((64'(set_q[s].tag[w]) * 64'(Sets) + 64'(s)) << LineWidth)) set_q[s].valid[w] = 1'b0;
        end
      end
    end
`endif
    if (update[0]) set_q[set_of(first)] = updated[0];
    if (update[1]) set_q[set_of(second)] = updated[1];
    for (int unsigned i = 0; i < WrittenPorts; i++) begin
      if (drop[i]) set_q[set_of(written_line_i[i])] = dropped[i];
    end
  end
  /* verilator lint_on BLKSEQ */
endmodule
