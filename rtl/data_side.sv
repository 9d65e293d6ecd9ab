// The data side: L1D's tags, the miss registers, and what drains into them. docs/timing.md, rules D1 to D9, S4 to S7.
//
// A molecule presents its accesses while it could issue but for this unit (`try_i`). accept_o says that it can; the core
// answers with issue_i in the same cycle, and then the accesses are made, in the order of the ports, prefetches behind
// the others. The store buffer's oldest released store drains behind them (S7).
//
// A port has up to two lines. `split` says that they lie in two pages: then each is an access of its own.
// `forwarded`: every byte of the access is in the store buffer (D9).
`include "loops.svh"

module data_side
  import isa_pkg::*;
#(
  parameter int unsigned Ports         = 1,
  parameter int unsigned Sets          = 16,
  parameter int unsigned Ways          = 2,
  parameter int unsigned Line          = 32,
  parameter int unsigned MissRegisters = 4
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [7:0]  ports_i,             // D1 and D4 as strapped
  input  logic [7:0]  miss_registers_i,

  input  logic        try_i,
  input  logic        issue_i,
  input  logic        valid_i     [Ports],
  input  logic        write_i     [Ports],
  input  logic        prefetch_i  [Ports],
  input  logic        two_i       [Ports],  // it has a second line
  input  logic        split_i     [Ports],
  input  logic [39:0] line_i      [2*Ports],
  input  logic        forwarded_i [2*Ports],
  output logic        accept_o,
  output logic [5:0]  waits_for_o,          // else: miss register that it waits for
  output logic [MissRegisters-1:0] under_way_o [Ports],  // lines that a load that issues waits for

  input  logic        drain_valid_i,
  input  logic        drain_two_i,
  input  logic [39:0] drain_line_i [2],
  output logic        drained_o,            // it leaves the store buffer at the end of the cycle

  // requests to the second level in this cycle, in order; each followed by its victim, if that is dirty
  output logic        request_o      [2*Ports+2],
  output logic [39:0] request_line_o [2*Ports+2],
  output logic [5:0]  request_register_o [2*Ports+2],
  output logic        victim_o       [2*Ports+2],
  output logic [39:0] victim_line_o  [2*Ports+2],
  input  logic [MissRegisters-1:0] arriving_i,          // lines that arrive in the next cycle
  input  logic [63:0] due_i [MissRegisters],            // cycle in which each busy register's line arrives

  output logic [MissRegisters-1:0] busy_o,
  // counts for the statistics, of this cycle
  output logic [2:0]  load_hits_o, load_misses_o, store_hits_o, store_misses_o, prefetches_o, dropped_o, forwarded_o, crossings_o,
  output logic        conflict_o
);
  localparam int unsigned Lines     = 2 * Ports + 2;   // the last two: the drain's
  localparam int unsigned CountWidth = $clog2(Lines);
  localparam int unsigned LineWidth = $clog2(Line);
  localparam int unsigned RegisterWidth = $clog2(MissRegisters);
  localparam int unsigned SetWidth  = Sets > 1 ? $clog2(Sets) : 1;
  localparam int unsigned TagWidth  = 40 - LineWidth - (Sets > 1 ? SetWidth : 0);
`include "tag_set.svh"

  set_t                     set_q  [Sets];
  logic [Sets-1:0]          used_q;                     // sets that have been written; the others are empty
  logic [MissRegisters-1:0] busy_q, busy_d;
  logic [39:0]              register_line_q [MissRegisters];
  logic                     blocked_q, blocked_d;       // waits for one miss register, whatever else happens
  logic [5:0]               blocked_on_q, blocked_on_d;
  logic                     writing_q, writing_d;       // the drain's own miss is under way
  logic [MissRegisters-1:0] writing_for_q, writing_for_d;

  function automatic logic [SetWidth-1:0] set_of(input logic [39:0] line);
    return Sets > 1 ? line[LineWidth +: SetWidth] : '0;
  endfunction
  function automatic set_t read_set(input logic [SetWidth-1:0] index);
    return used_q[index] ? set_q[index] : empty_set();
  endfunction
  function automatic logic [TagWidth-1:0] tag_of(input logic [39:0] line);
    return line[39 -: TagWidth];
  endfunction
  function automatic logic [7:0] count_of(input logic [MissRegisters-1:0] bits);
    logic [7:0] n;
    n = '0;
    `ROLLED(i, MissRegisters) n = n + 8'(bits[i]);
    return n;
  endfunction

  assign busy_o = busy_q;

  // -- whether the molecule has to wait: D4, D5 -----------------------------------------------------------------------
  // It waits for one miss register at a time, the last to be free of those that hold its lines (D5), else the first to
  // be free of all (D4), and looks again when that one is.
  always_comb begin
    logic        any, missed, match, held;
    logic [63:0] awaited;
    logic [7:0]  lines;
    accept_o     = 1'b0;
    blocked_d    = 1'b0;
    blocked_on_d = blocked_on_q;
    any          = 1'b0;
    missed       = 1'b0;
    match        = 1'b0;
    held         = 1'b0;
    awaited        = '0;
    lines        = '0;
    if (try_i) begin
      if (blocked_q && busy_q[blocked_on_q[RegisterWidth-1:0]]) begin
        blocked_d = 1'b1;
      end else begin
        `ROLLED(k, 2 * Ports) begin
          if (valid_i[k/2] && !prefetch_i[k/2] && (k % 2 == 0 || two_i[k/2])) begin
            match = 1'b0;
            `ROLLED(r, MissRegisters) begin
              if (busy_q[r] && register_line_q[r] == line_i[k]) begin
                match = 1'b1;
                if (due_i[r] > awaited) begin
                  awaited        = due_i[r];
                  blocked_on_d = 6'(r);
                end
              end
            end
            any = any || match;
            if (!match && !forwarded_i[k]) begin
              held = 1'b0;
              `ROLLED(j, k) begin
                if (valid_i[j/2] && !prefetch_i[j/2] && (j % 2 == 0 || two_i[j/2]) && !forwarded_i[j] && line_i[j] == line_i[k]) held = 1'b1;
              end
              // Lines that hit count too: another access's miss may evict them before their turn.
              if (!held) lines = lines + 8'd1;
              if (ways_with(read_set(set_of(line_i[k])), tag_of(line_i[k])) == '0) missed = 1'b1;
            end
          end
        end
        if (!any && missed && lines > miss_registers_i - count_of(busy_q)) begin
          any   = 1'b1;
          awaited = '1;
          `ROLLED(r, MissRegisters) begin
            if (busy_q[r] && due_i[r] < awaited) begin
              awaited        = due_i[r];
              blocked_on_d = 6'(r);
            end
          end
        end
        blocked_d = any;
      end
      accept_o = !blocked_d;
    end
    waits_for_o = blocked_on_d;
  end

  // -- the accesses, in their order -------------------------------------------------------------------------------------
  logic [Lines-1:0] update;
  set_t             updated [Lines];
  logic [39:0]      updated_line [Lines];

  always_comb begin
    set_t            s;
    logic [Ways-1:0] way;
    logic [MissRegisters-1:0] taken;      // busy, with those taken in this cycle
    logic [39:0]     line;
    logic [CountWidth-1:0] n;             // requests so far
    logic [7:0]      ports;
    logic            missed, waits, write, wanted;
    logic [5:0]      free;
    logic [7:0]      lines;

    s = '0;
    way = '0;
    taken = busy_q;
    line = '0;
    n = '0;
    ports = '0;
    missed = 1'b0;
    waits = 1'b0;
    write = 1'b0;
    wanted = 1'b0;
    free = '0;
    lines = '0;
    update = '0;
    load_hits_o = '0;
    load_misses_o = '0;
    store_hits_o = '0;
    store_misses_o = '0;
    prefetches_o = '0;
    dropped_o = '0;
    forwarded_o = '0;
    crossings_o = '0;
    conflict_o = 1'b0;
    drained_o = 1'b0;
    writing_d = writing_q;
    writing_for_d = writing_for_q & ~arriving_i;  // a register that is free can be taken for another line
    `ROLLED(k, Lines) begin
      request_o[k] = 1'b0;
      request_line_o[k] = '0;
      request_register_o[k] = '0;
      victim_o[k] = 1'b0;
      victim_line_o[k] = '0;
      updated[k] = '0;
      updated_line[k] = '0;
    end
    `ROLLED(p, Ports) under_way_o[p] = '0;

    // Passes: the molecule's loads and stores; its prefetches; the drain.
    `ROLLED(pass, 3) begin
      `ROLLED(k, Lines) begin
        wanted = 1'b0;
        if (pass == 2) begin
          // The drain: decided at its first line, which its second follows.
          if (k == 2 * Ports && drain_valid_i && !writing_q) begin
            if (issue_i && ports >= ports_i) begin
              conflict_o = 1'b1;
            end else begin
              missed = 1'b0;
              waits  = 1'b0;
              lines  = drain_two_i ? 8'd2 : 8'd1;
              `ROLLED(c, 2) begin
                if (c == 0 || drain_two_i) begin
                  `ROLLED(r, MissRegisters) if (busy_q[r] && register_line_q[r] == drain_line_i[c]) waits = 1'b1;
                  `ROLLED(j, Lines) if (request_o[j] && request_line_o[j] == drain_line_i[c]) waits = 1'b1;
                  s = read_set(set_of(drain_line_i[c]));
                  `ROLLED(j, Lines) if (update[j] && set_of(updated_line[j]) == set_of(drain_line_i[c])) s = updated[j];
                  if (ways_with(s, tag_of(drain_line_i[c])) == '0) missed = 1'b1;
                end
              end
              if (!waits && !(missed && lines > miss_registers_i - count_of(taken))) begin
                wanted    = 1'b1;
                drained_o = 1'b1;
                if (missed) store_misses_o = store_misses_o + 3'd1;
                else        store_hits_o = store_hits_o + 3'd1;
              end
            end
          end else if (k == 2 * Ports + 1) begin
            wanted = update[2 * Ports] && drain_two_i;
          end
          line  = drain_line_i[k % 2];
          write = 1'b1;
        end else if (k < 2 * Ports && issue_i && valid_i[k/2] && prefetch_i[k/2] == (pass == 1)) begin
          line  = line_i[k];
          write = write_i[k/2];
          if (k % 2 == 0 || (split_i[k/2] && two_i[k/2])) ports = ports + 8'd1;
          if (pass == 1) begin
            // A prefetch fetches its first line, if that is nowhere and a register is free (D7).
            if (k % 2 == 0) begin
              prefetches_o = prefetches_o + 3'd1;
              s = read_set(set_of(line));
              `ROLLED(j, Lines) if (update[j] && set_of(updated_line[j]) == set_of(line)) s = updated[j];
              wanted = ways_with(s, tag_of(line)) == '0 && count_of(taken) < miss_registers_i;
              `ROLLED(r, MissRegisters) if (busy_q[r] && register_line_q[r] == line) wanted = 1'b0;
              if (!wanted) dropped_o = dropped_o + 3'd1;
            end
          end else if (k % 2 == 0 || two_i[k/2]) begin
            // One decision per access: both its lines, or each if it is split.
            if (k % 2 == 0 || split_i[k/2]) begin
              missed = 1'b0;
              `ROLLED(c, 2) begin
                if (c == 0 || (two_i[k/2] && !split_i[k/2])) begin
                  s = read_set(set_of(line_i[k+c]));
                  `ROLLED(j, Lines) if (update[j] && set_of(updated_line[j]) == set_of(line_i[k+c])) s = updated[j];
                  if (ways_with(s, tag_of(line_i[k+c])) == '0) missed = 1'b1;
                end
              end
              if (two_i[k/2] && !split_i[k/2]) crossings_o = crossings_o + 3'd1;
              if (write) begin
                if (missed) store_misses_o = store_misses_o + 3'd1;
                else        store_hits_o = store_hits_o + 3'd1;
              end else begin
                if (missed) load_misses_o = load_misses_o + 3'd1;
                else        load_hits_o = load_hits_o + 3'd1;
              end
              if (missed && forwarded_i[k]) forwarded_o = forwarded_o + 3'd1;
            end
            wanted = !(missed && forwarded_i[k]);
          end
        end

        if (wanted) begin
          s = read_set(set_of(line));
          `ROLLED(j, Lines) if (update[j] && set_of(updated_line[j]) == set_of(line)) s = updated[j];
          way = ways_with(s, tag_of(line));
          if (way != '0) begin
            s = touched(s, way);
            if (write) s.dirty = s.dirty | way;
            // A line that this molecule has just asked for.
            if (pass == 0) begin
              `ROLLED(j, Lines) begin
                if (request_o[j] && request_line_o[j] == line) under_way_o[k/2][request_register_o[j][RegisterWidth-1:0]] = 1'b1;
              end
            end
          end else begin
            way  = victim_way(s);
            free = '0;
            for (int unsigned r = MissRegisters; r > 0; r--) if (!taken[r-1]) free = 6'(r - 1);
            request_o[n]          = 1'b1;
            request_line_o[n]     = line;
            request_register_o[n] = free;
            victim_o[n]           = (s.valid & s.dirty & way) != '0;
            `ROLLED(w, Ways) begin
              if (way[w]) victim_line_o[n] = Sets > 1 ? {s.tag[w], line[LineWidth +: SetWidth], LineWidth'(0)} : 40'({s.tag[w], LineWidth'(0)});
            end
            n = n + 1'b1;
            taken[free[RegisterWidth-1:0]] = 1'b1;
            s = entered(s, way, tag_of(line), write);
            if (pass == 0) under_way_o[k/2][free[RegisterWidth-1:0]] = 1'b1;
            if (pass == 2) begin
              drained_o = 1'b0;
              writing_d = 1'b1;
              writing_for_d[free[RegisterWidth-1:0]] = 1'b1;
            end
          end
          // A later access to the same set begins with this one's result.
          `ROLLED(j, Lines) begin
            if (update[j] && set_of(updated_line[j]) == set_of(line)) updated[j] = s;
          end
          update[k]       = 1'b1;
          updated[k]      = s;
          updated_line[k] = line;
        end
      end
    end
    // A store whose own miss has been answered is written without a port (S5).
    if (writing_q && writing_for_q == '0) begin
      drained_o = 1'b1;
      writing_d = 1'b0;
    end
    busy_d = taken & ~arriving_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q        <= '0;
      blocked_q     <= 1'b0;
      blocked_on_q  <= '0;
      writing_q     <= 1'b0;
      writing_for_q <= '0;
      used_q <= '0;
      for (int unsigned r = 0; r < MissRegisters; r++) register_line_q[r] <= '0;
    end else begin
      busy_q        <= busy_d;
      blocked_q     <= blocked_d;
      blocked_on_q  <= blocked_on_d;
      writing_q     <= writing_d;
      writing_for_q <= writing_for_d;
      for (int unsigned k = 0; k < Lines; k++) begin
        if (update[k]) begin
          set_q[set_of(updated_line[k])]  <= updated[k];
          used_q[set_of(updated_line[k])] <= 1'b1;
        end
        if (request_o[k]) register_line_q[request_register_o[k][RegisterWidth-1:0]] <= request_line_o[k];
      end
    end
  end

  // -- assertions ----------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      RegistersSuffice: assert (count_of(busy_d) <= miss_registers_i);
      IssuesWhenAccepted: assert (!issue_i || accept_o);
    end
  end
`endif
endmodule
