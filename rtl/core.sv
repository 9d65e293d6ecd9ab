// The core: what docs/host-isa.md says a molecule does, when docs/timing.md says that it does it.
//
// One molecule is up at a time. In the cycle in which its bits, registers and units are ready it meets interrupts and
// events; from then on it issues as soon as devices, L1D and the store buffer let it (rule I2). All of it
// happens at the end of the cycle of its issue: `*_q` is the state before, `*_d` after.
//
// Ports serve the simulator (rtl/model.h): they stop the clock, account for cycles and observe. Memory, devices and the
// second level are behind platform_pkg.
`include "loops.svh"

module core
  import isa_pkg::*;
  import machine_pkg::*;
  import platform_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [31:0] lines_i,            // interrupt lines as they are before the next cycle (T1)
  input  logic        written_i,          // the platform has written these bytes of concealed memory
  input  logic [63:0] written_begin_i, written_end_i,
  input  logic        records_i,          // somebody wants to know of accesses

  // of this cycle
  output logic [63:0] cycle_o,
  output logic        ready_o,            // a molecule is ready, for the first time
  output logic        issue_o,
  output logic        event_o,
  output logic [3:0]  cause_o,            // of the event
  output logic [3:0]  charge_o,           // what the cycle is charged to
  output logic        redirecting_o,      // and that to the molecule before
  output logic [63:0] pc_o,
  output logic [3:0]  count_o,            // atoms
  output logic [63:0] end_o,              // of the molecule behind it
  output logic        rollback_o,         // by the atom or by the event
  output logic        commit_o,
  output logic [11:0] committed_o,        // guest instructions
  output logic [63:0] gcount_o,
  output logic [15:0] gated_o,
  output logic [63:0] counter_o [24]      // statistics: rtl/model.cpp names them
);
  // -- straps ---------------------------------------------------------------------------------------------------------
  straps_t    straps;
  logic [8:0] slot_units [MaxWords];
  logic [7:0] latency [NumLatencies];
  straps i_straps (.clk_i, .rst_ni, .straps_o(straps), .slot_units_o(slot_units), .latency_o(latency));

  localparam logic [39:0] L1dMask = ~(40'(L1dLine) - 40'd1);
  localparam logic [63:0] L1iMask = ~(64'(L1iLine) - 64'd1);

  // -- state ------------------------------------------------------------------------------------------------------------
  logic [63:0] cycle_q, pc_q;
  logic        ready_q;                   // the molecule was ready in an earlier cycle
  logic        redirected_q;              // it does not follow its predecessor
  logic [63:0] ready_cycle_q;             // when, and what it saw then
  logic [31:0] pending_lines_q;
  logic [9:0]  branch_wait_q, wait_q;     // cycles until the next molecule comes up: for a branch, for the rest
  logic [3:0]  branch_charge_q, wait_charge_q;
  logic [15:0] device_wait_q;
  logic [31:0] lines_q;
  logic [63:0] last_sample_q;
  logic [63:0] spr_q [NumSpecials];       // special registers without shadow
  logic [63:0] fcr, old_fsr, gpc;         // and those that have one
  logic [63:0] special [NumSpecials] /*verilator public_flat_rd*/;  // all
  logic [11:0] uncounted_q;               // what the next commit counts less
  logic [63:0] molecules_q, atoms_q, commits_q, rollbacks_q;

  // -- fetch and decode ---------------------------------------------------------------------------------------------------
  logic [31:0] word [MaxWords];
  logic [3:0]  available;
  always_comb begin
    longint unsigned w0, w1, w2, w3;
    w0 = 0;
    w1 = 0;
    w2 = 0;
    w3 = 0;
    available = 4'(bus_code(pc_q, w0, w1, w2, w3));
    word[0] = w0[31:0];
    word[1] = w0[63:32];
    word[2] = w1[31:0];
    word[3] = w1[63:32];
    word[4] = w2[31:0];
    word[5] = w2[63:32];
    word[6] = w3[31:0];
    word[7] = w3[63:32];
  end

  logic         fault;
  logic [15:0]  fault_info;
  logic [3:0]   count;
  logic [5:0]   bytes;
  atom_info_t   info  [MaxWords];
  logic [9:0]   row   [MaxWords];
  logic [5:0]   rd    [MaxWords];
  logic [5:0]   ra    [MaxWords];
  logic [5:0]   rb    [MaxWords];
  logic [5:0]   rc    [MaxWords];
  logic [2:0]   fd    [MaxWords];
  logic         literal [MaxWords];
  logic         long_literal [MaxWords];
  logic [3:0]   cond  [MaxWords];
  logic [1:0]   scale [MaxWords];
  logic [7:0]   alias_bits [MaxWords];
  logic [11:0]  selector [MaxWords];
  logic [63:0]  imm   [MaxWords];
  logic [127:0] needs;
  logic [19:0]  effects;
  logic [7:0]   div_cycles, fp_div_cycles;

  decode i_decode (
    .word_i(word), .available_i(available), .straps_i(straps), .slot_units_i(slot_units), .latency_i(latency),
    .fault_o(fault), .fault_info_o(fault_info), .count_o(count), .bytes_o(bytes),
    .info_o(info), .row_o(row), .rd_o(rd), .ra_o(ra), .rb_o(rb), .rc_o(rc), .fd_o(fd), .literal_o(literal), .long_o(long_literal),
    .cond_o(cond), .scale_o(scale), .alias_o(alias_bits), .selector_o(selector), .imm_o(imm),
    .needs_o(needs), .effects_o(effects), .div_cycles_o(div_cycles), .fp_div_cycles_o(fp_div_cycles)
  );

  logic        up, leaves;                // the molecule is up; it leaves, by issue or event
  logic        fetched, waits_for_line;
  logic        fetch_request;
  logic [63:0] fetch_line;
  logic [63:0] fetch_due_q;
  logic        fetch_from_memory_q;
  logic        range_q;
  logic [63:0] range_begin_q, range_end_q;
  logic [1:0]  fetch_hits;
  logic [3:0]  invalidated;
  logic        code_written [2*MemPorts];
  logic [63:0] code_line    [2*MemPorts];
  assign up = branch_wait_q == '0 && wait_q == '0;

  fetch #(.Sets(L1iSets), .Ways(L1iWays), .Line(L1iLine), .WrittenPorts(2 * MemPorts)) i_fetch (
    .clk_i, .rst_ni, .up_i(up), .nowhere_i(available == '0), .pc_i(pc_q), .bytes_i(bytes), .redirected_i(redirected_q),
    .done_i(leaves), .ready_o(fetched), .waits_for_line_o(waits_for_line),
    .request_o(fetch_request), .request_line_o(fetch_line), .arrived_i(cycle_q == fetch_due_q),
    .written_i(code_written), .written_line_i(code_line),
    .range_i(range_q), .range_begin_i(range_begin_q), .range_end_i(range_end_q),
    .hits_o(fetch_hits), .invalidated_o(invalidated)
  );

  // -- registers and units ready -------------------------------------------------------------------------------------------
  logic         issue;
  logic         board_ready;
  logic [3:0]   board_charge;
  logic         late [Width];
  logic [127:0] late_registers [Width];
  logic [7:0]   late_latency [Width];
  logic         load [MemPorts];
  logic [6:0]   load_register [MemPorts];
  logic [7:0]   load_latency [MemPorts];
  logic [MissRegisters-1:0] load_misses [MemPorts];
  logic [MissRegisters-1:0] miss_busy, from_memory_q;
  logic [63:0]  due_q [MissRegisters];

  scoreboard #(.Width(Width), .Ports(MemPorts), .MissRegisters(MissRegisters)) i_scoreboard (
    .clk_i, .rst_ni, .cycle_i(cycle_q), .asks_i(up && fetched && !ready_q), .needs_i(needs), .all_i(effects[EffSerializing]),
    .div_cycles_i(div_cycles), .fp_div_cycles_i(fp_div_cycles), .ready_o(board_ready), .charge_o(board_charge),
    .issue_i(issue), .late_i(late), .registers_i(late_registers), .latency_i(late_latency),
    .load_i(load), .load_register_i(load_register), .load_latency_i(load_latency), .load_misses_i(load_misses),
    .busy_i(miss_busy), .due_i(due_q), .from_memory_i(from_memory_q)
  );

  // -- interrupts and samples ------------------------------------------------------------------------------------------------
  logic        ready_now, ready_first;
  logic        interrupt, sample, sample_due;
  logic [31:0] pending_lines, seen_lines;
  logic [63:0] seen_cycle;
  always_comb begin
    ready_now     = up && (ready_q || (fetched && board_ready));
    ready_first   = ready_now && !ready_q;
    pending_lines = lines_q;
    if (special[SprTimerCompare] != '0 && cycle_q >= special[SprTimerCompare]) pending_lines[0] = 1'b1;
    seen_lines    = ready_q ? pending_lines_q : pending_lines;
    seen_cycle    = ready_q ? ready_cycle_q : cycle_q;
    sample_due    = ready_first && special[SprImask][0] && special[SprSamplePeriod] != '0 && straps.features[$clog2(FeatureSampling)] &&
                    cycle_q - last_sample_q >= special[SprSamplePeriod];
    interrupt     = ready_first && special[SprImask][0] && pending_lines != '0;
    sample        = sample_due && !interrupt;
  end

  logic run;                              // it executes, unless an atom raises an event
  assign run = ready_now && !interrupt && !sample && !fault;

  // -- operands and integer results --------------------------------------------------------------------------------------------
  logic [63:0] a [Width], b [Width], c [Width], d [Width], old [Width], lea_imm [Width];
  logic [63:0] int_value [Width], int_flags [Width];
  logic        integer_atom [Width];
  logic [8:0]  family [Width];
  logic [1:0]  width [Width];
  logic [63:0] rb_value [Width];
  logic [127:0] va [Width], vb [Width], vd [Width];
  logic         vectors;                  // some atom has vector sources
  always_comb begin
    vectors = 1'b0;
    `ROLLED(i, Width) begin
      if (run && 4'(i) < count && (is_fp_or_media(info[i].unit) || info[i].operands[OpdReadsVd])) vectors = 1'b1;
      b[i] = literal[i] ? imm[i] : rb_value[i];
      integer_atom[i] = run && 4'(i) < count && (info[i].unit == 4'(UnitAlu) || info[i].unit == 4'(UnitMul));
      family[i] = info[i].family;
      width[i]  = info[i].width;
      lea_imm[i] = info[i].operands[OpdOptionalLong] && !long_literal[i] ? 64'd0 : imm[i];
    end
  end
  integer_unit #(.Units(Width)) i_integer (
    .valid_i(integer_atom), .family_i(family), .width_i(width), .a_i(a), .b_i(b), .d_i(d), .c_i(c), .old_i(old), .imm_i(lea_imm),
    .scale_i(scale[0:Width-1]), .cond_i(cond[0:Width-1]), .value_o(int_value), .flags_o(int_flags)
  );

  // -- memory atoms, each on a port -----------------------------------------------------------------------------------------------
  memory_atom_t memory_atom [MemPorts];
  logic [63:0]  address [MemPorts];
  logic [127:0] store_data [MemPorts];
  logic [3:0]   memory_source [MemPorts];  // its atom
  memory_ports #(.Width(Width), .Ports(MemPorts)) i_ports (
    .go_i(run && (effects[EffLoad] || effects[EffStore] || effects[EffProbe] || effects[EffPrefetch])), .count_i(count), .info_i(info), .rd_i(rd),
    .alias_bits_i(alias_bits), .a_i(a), .b_i(b), .imm_i(lea_imm), .d_i(d), .vector_d_i(vd),
    .atom_o(memory_atom), .address_o(address), .data_o(store_data), .source_o(memory_source)
  );

  logic         address_event;
  logic [3:0]   address_cause;
  logic [63:0]  address_event_address, address_event_info;
  logic         concealed_done [MemPorts];
  logic [15:0]  device_delay;
  logic         piece [2*MemPorts];
  logic [63:0]  physical [2*MemPorts];
  logic [4:0]   piece_size [2*MemPorts];
  logic         to_device [MemPorts], to_memory [MemPorts];
  logic [127:0] device_data [MemPorts];
  logic [7:0]   alias_hits [MemPorts];
  logic [63:0]  tlb_probe;
  logic         tlb_write, tlb_flush, tlb_keep_global, tlb_flush_page;
  logic [3:0]   last;                      // the atom that acts last, if any
  logic         has_last;
  logic [8:0]   last_family;
  logic [11:0]  last_selector;
  logic         last_long;
  logic [63:0]  last_a, last_b, last_imm;
  logic [15:0]  gated, released;

  address_unit #(.Ports(MemPorts), .TlbEntries(TlbEntries), .TlbWays(TlbWays)) i_address (
    .clk_i, .rst_ni, .straps_i(straps), .go_i(run), .first_i(ready_first), .atom_i(memory_atom), .address_i(address), .data_i(store_data),
    .user_i(special[SprUserMode][0]), .iomode_i(special[SprIomode][0]), .gated_i(gated), .alias_hits_i(alias_hits),
    .event_o(address_event), .cause_o(address_cause), .event_address_o(address_event_address), .event_info_o(address_event_info),
    .concealed_done_o(concealed_done), .device_delay_o(device_delay),
    .piece_o(piece), .physical_o(physical), .size_o(piece_size), .device_o(to_device), .memory_o(to_memory), .device_data_o(device_data),
    .probe_i(run && last_family == FamTlbProbe), .probe_page_i(last_a[31:12]), .probe_o(tlb_probe),
    .write_i(tlb_write), .word0_i(last_a), .word1_i(last_b),
    .flush_i(tlb_flush), .keep_global_i(tlb_keep_global), .flush_page_i(tlb_flush_page), .page_i(last_a[31:12])
  );

  // -- alias entries -----------------------------------------------------------------------------------------------------------
  logic [MemPorts-1:0]      protect;
  logic [MemPorts*3-1:0]    protect_entry;
  logic [MemPorts*2*40-1:0] range_address;
  logic [MemPorts*2*5-1:0]  range_size;
  logic [MemPorts*8-1:0]    check_mask, check_hits;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [7:0]               alias_valid;  // for whoever observes
  /* verilator lint_on UNUSEDSIGNAL */
  logic                     alias_clear;
  logic                     rolls_back;
  always_comb begin
    for (int unsigned p = 0; p < MemPorts; p++) begin
      protect[p]                 = issue && memory_atom[p].protect && 4'(memory_atom[p].alias_bits[2:0]) < straps.alias_entries;
      protect_entry[3*p +: 3]    = memory_atom[p].alias_bits[2:0];
      range_address[80*p +: 80]  = {physical[2*p+1][39:0], physical[2*p][39:0]};
      range_size[10*p +: 10]     = {piece_size[2*p+1], piece_size[2*p]};
      check_mask[8*p +: 8]       = memory_atom[p].store ? memory_atom[p].alias_bits : 8'd0;
      alias_hits[p]              = check_hits[8*p +: 8];
    end
  end
  alias_unit #(.Entries(8), .LoadPorts(MemPorts), .StorePorts(MemPorts), .AddrWidth(40)) i_alias (
    .clk_i, .rst_ni, .protect_valid_i(protect), .protect_entry_i(protect_entry), .protect_addr_i(range_address), .protect_size_i(range_size),
    .clear_i(alias_clear || rolls_back), .check_mask_i(check_mask), .check_addr_i(range_address), .check_size_i(range_size),
    .hits_o(check_hits), .valid_o(alias_valid)
  );

  // -- store buffer -----------------------------------------------------------------------------------------------------------------
  localparam int unsigned CountWidth = $clog2(StoreEntries + 1);
  logic [2*MemPorts-1:0]     gate, gate_concealed, gate_device;
  logic [2*MemPorts*40-1:0]  gate_address;
  logic [2*MemPorts*5-1:0]   gate_size;
  logic [2*MemPorts*128-1:0] gate_data;
  logic [2*MemPorts-1:0]     forward_guest;
  logic [2*MemPorts*16-1:0]  forward_hit;
  logic [2*MemPorts*128-1:0] forward_data;
  logic                      drain_valid, drained, commits;
  logic [39:0]               drain_address;
  logic [4:0]                drain_size;
  // Memory has what drains already (platform_pkg), and the simulator sends device stores (bus_device_commit).
  /* verilator lint_off UNUSEDSIGNAL */
  logic [127:0]              drain_data, device_store;
  logic [39:0]               device_address;
  logic [4:0]                device_size;
  logic [CountWidth-1:0]     device_count;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [CountWidth-1:0]     gated_count, released_count;
  always_comb begin
    for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
      gate[q]                    = issue && piece[q] && memory_atom[q/2].store && memory_atom[q/2].guest;
      gate_concealed[q]          = 1'b0;
      gate_device[q]             = to_device[q/2];
      gate_address[40*q +: 40]   = physical[q][39:0];
      gate_size[5*q +: 5]        = piece_size[q];
      gate_data[128*q +: 128]    = q % 2 == 0 ? store_data[q/2] : store_data[q/2] >> {piece_size[q-1], 3'b000};
      forward_guest[q]           = piece[q] && memory_atom[q/2].load && memory_atom[q/2].guest;
      // A concealed store reaches released stores in the buffer, so that what they hold stays what memory holds.
      if (issue && piece[q] && memory_atom[q/2].store && !memory_atom[q/2].guest && !to_device[q/2]) begin
        gate[q]           = 1'b1;
        gate_concealed[q] = 1'b1;
      end
    end
  end
  store_buffer #(.Entries(StoreEntries), .LoadPorts(2 * MemPorts), .StorePorts(2 * MemPorts), .AddrWidth(40)) i_stores (
    .clk_i, .rst_ni, .store_valid_i(gate), .store_concealed_i(gate_concealed), .store_device_i(gate_device),
    .store_addr_i(gate_address), .store_size_i(gate_size), .store_data_i(gate_data),
    .commit_i(commits), .rollback_i(rolls_back), .gated_o(gated_count), .released_o(released_count),
    .load_guest_i(forward_guest), .load_addr_i(gate_address), .load_hit_o(forward_hit), .load_data_o(forward_data),
    .drain_valid_o(drain_valid), .drain_addr_o(drain_address), .drain_size_o(drain_size), .drain_data_o(drain_data), .drain_ready_i(drained),
    .device_count_o(device_count), .device_index_i('0), .device_addr_o(device_address), .device_size_o(device_size), .device_data_o(device_store)
  );
  assign gated    = 16'(gated_count);
  assign released = 16'(released_count);

  // -- load values -------------------------------------------------------------------------------------------------------------------
  logic [127:0] loaded [MemPorts];
  logic         forwarded [2*MemPorts];    // every byte is in the store buffer (D9)
  load_unit #(.Ports(MemPorts)) i_loads (
    .go_i(run), .blocked_i(address_event), .atom_i(memory_atom), .device_i(to_device), .device_data_i(device_data), .memory_i(to_memory),
    .piece_i(piece), .physical_i(physical), .size_i(piece_size),
    .forward_i(forward_guest), .forward_hit_i(forward_hit), .forward_data_i(forward_data), .value_o(loaded), .forwarded_o(forwarded)
  );

  // -- L1D -----------------------------------------------------------------------------------------------------------------------------
  localparam int unsigned Requests = 2 * MemPorts + 2;
  logic         access_valid [MemPorts], access_write [MemPorts], access_prefetch [MemPorts], access_two [MemPorts], access_split [MemPorts];
  logic [39:0]  access_line [2*MemPorts];
  logic         has_accesses;
  always_comb begin
    logic [39:0] last_byte;
    has_accesses = 1'b0;
    for (int unsigned p = 0; p < MemPorts; p++) begin
      last_byte            = physical[2*p][39:0] + 40'(piece_size[2*p]) - 40'd1;
      access_valid[p]      = to_memory[p] && (memory_atom[p].load || memory_atom[p].prefetch || (memory_atom[p].store && !memory_atom[p].guest));
      access_write[p]      = memory_atom[p].store;
      access_prefetch[p]   = memory_atom[p].prefetch;
      access_split[p]      = piece[2*p+1];
      access_line[2*p]     = physical[2*p][39:0] & L1dMask;
      access_line[2*p+1]   = piece[2*p+1] ? physical[2*p+1][39:0] & L1dMask : last_byte & L1dMask;
      access_two[p]        = !memory_atom[p].prefetch && access_line[2*p+1] != access_line[2*p];
      has_accesses         = has_accesses || access_valid[p];
    end
  end
  logic        data_try, data_accept;
  logic [5:0]  data_waits_for;
  logic        request [Requests];
  logic [39:0] request_line [Requests];
  logic [5:0]  request_register [Requests];
  logic        victim [Requests];
  logic [39:0] victim_line [Requests];
  logic [MissRegisters-1:0] arriving;
  logic [39:0] drain_line [2];
  logic [2:0]  load_hits, load_misses_n, store_hits, store_misses, prefetches, prefetches_dropped, forwarded_misses, crossings;
  logic        drain_conflict;
  always_comb begin
    drain_line[0] = drain_address & L1dMask;
    drain_line[1] = (drain_address + 40'(drain_size) - 40'd1) & L1dMask;
    for (int unsigned r = 0; r < MissRegisters; r++) arriving[r] = miss_busy[r] && due_q[r] == cycle_q + 64'd1;
  end
  data_side #(.Ports(MemPorts), .Sets(L1dSets), .Ways(L1dWays), .Line(L1dLine), .MissRegisters(MissRegisters)) i_data (
    .clk_i, .rst_ni, .ports_i(straps.ports), .miss_registers_i(straps.miss_registers),
    .try_i(data_try), .issue_i(issue && has_accesses), .valid_i(access_valid), .write_i(access_write), .prefetch_i(access_prefetch),
    .two_i(access_two), .split_i(access_split), .line_i(access_line), .forwarded_i(forwarded),
    .accept_o(data_accept), .waits_for_o(data_waits_for), .under_way_o(load_misses),
    .drain_valid_i(drain_valid), .drain_two_i(drain_line[0] != drain_line[1]), .drain_line_i(drain_line), .drained_o(drained),
    .request_o(request), .request_line_o(request_line), .request_register_o(request_register), .victim_o(victim), .victim_line_o(victim_line),
    .arriving_i(arriving), .due_i(due_q), .busy_o(miss_busy),
    .load_hits_o(load_hits), .load_misses_o(load_misses_n), .store_hits_o(store_hits), .store_misses_o(store_misses),
    .prefetches_o(prefetches), .dropped_o(prefetches_dropped), .forwarded_o(forwarded_misses), .crossings_o(crossings), .conflict_o(drain_conflict)
  );

  // -- what else can keep it from issuing -----------------------------------------------------------------------------------------------
  logic        event_now;                  // raised in this cycle, instead of issuing
  logic [3:0]  event_cause;
  logic [63:0] event_address, event_info;
  logic [15:0] device_wait;
  logic        has_stores, room;
  logic [15:0] new_stores;
  logic        own_device_stores, devices_gated_q;  // stores to devices: of the molecule, of those before it
  always_comb begin
    event_now     = 1'b0;
    event_cause   = 4'(CauseNone);
    event_address = '0;
    event_info    = '0;
    if (interrupt) begin
      event_now   = 1'b1;
      event_cause = 4'(CauseInterrupt);
      event_info  = 64'(pending_lines);
    end else if (sample) begin
      event_now     = 1'b1;
      event_cause   = 4'(CauseSample);
      event_address = pc_q;
    end else if (ready_first && fault) begin
      event_now     = 1'b1;
      event_cause   = 4'(CauseIllegalMolecule);
      event_address = pc_q;
      event_info    = 64'(fault_info);
    end else if (address_event) begin
      event_now     = 1'b1;
      event_cause   = address_cause;
      event_address = address_event_address;
      event_info    = address_event_info;
    end

    // The stores of the molecule, and whether they fit beside what has not drained (S2).
    new_stores = '0;
    for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
      if (piece[q] && memory_atom[q/2].store && memory_atom[q/2].guest) new_stores = new_stores + 16'd1;
    end
    has_stores = new_stores != '0;
  end

  // Device stores that a commit releases are sent, and device accesses answered, before the molecule issues (D11).
  always_comb begin
    int unsigned delay;
    delay           = 0;
    device_wait     = ready_q ? device_wait_q : device_delay;
    if (run && ready_first && !event_now && effects[EffCommit] && (devices_gated_q || own_device_stores)) begin
      for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
        if (piece[q] && memory_atom[q/2].store && memory_atom[q/2].guest && to_device[q/2]) begin
          bus_gate(physical[q], 32'(piece_size[q]), 1'b1, gate_data[128*q +: 64], gate_data[128*q+64 +: 64]);
        end
      end
      delay = bus_device_commit();
      if (16'(delay) > device_wait) device_wait = 16'(delay);
    end
  end
  always_comb begin
    own_device_stores = 1'b0;
    for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
      if (piece[q] && memory_atom[q/2].store && memory_atom[q/2].guest && to_device[q/2]) own_device_stores = 1'b1;
    end
  end

  assign data_try = run && !event_now && device_wait == '0 && has_accesses;
  always_comb begin
    room     = !has_stores || gated + new_stores + released <= straps.store_entries;
    issue    = run && !event_now && device_wait == '0 && (!has_accesses || data_accept) && room;
    leaves   = issue || event_now;
    // Whom the cycle belongs to (A2).
    redirecting_o = !up;
    if (branch_wait_q != '0)  charge_o = branch_charge_q;
    else if (wait_q != '0)    charge_o = wait_charge_q;
    else if (!fetched && !ready_q) begin
      if (!waits_for_line)          charge_o = 4'(ChargeBranch);
      else if (fetch_from_memory_q) charge_o = 4'(ChargeFetchMemory);
      else                          charge_o = 4'(ChargeFetchL2);
    end
    else if (!ready_now)      charge_o = board_charge;
    else if (event_now)       charge_o = charge_of(event_cause);
    else if (device_wait != '0) charge_o = 4'(ChargeDevice);
    else if (has_accesses && !data_accept) charge_o = from_memory_q[data_waits_for[$clog2(MissRegisters)-1:0]] ? 4'(ChargeDataMemory) : 4'(ChargeDataL2);
    else if (!room)           charge_o = 4'(ChargeStoreBuffer);
    else                      charge_o = 4'(ChargeIssue);
  end
  function automatic logic [3:0] charge_of(input logic [3:0] cause);
    if (32'(cause) == CauseAliasFault) return 4'(ChargeAlias);
    return CauseRollsBack[cause] ? 4'(ChargeRollback) : 4'(ChargeEvent);
  endfunction

  // -- results: every atom reads the state before the molecule ------------------------------------------------------------------------
  logic        int_write [Width], flags_write [Width], vec_write [Width];
  logic [63:0] value [Width], high_value [Width];
  logic [63:0] next_pc, jtb_host, top_host;
  logic [31:0] top_guest;
  logic [63:0] fsr;                         // after the molecule's floating-point atoms
  logic [9:0]  branch_penalty;
  logic        jtb_write, jtb_clear, pop, push, return_clear;
  logic        jtb_looks_up;
  logic [31:0] jtb_guest, push_guest, pop_guest;
  logic [63:0] push_host;
  logic        taken;

  // The atom that acts last.
  always_comb begin
    has_last = 1'b0;
    last     = '0;
    if (effects[EffCommit] || effects[EffRollback] || effects[EffSerializing]) begin
      for (int unsigned i = 0; i < Width; i++) begin
        if (4'(i) < count && (info[i].effects[EffCommit] || info[i].effects[EffRollback] || info[i].effects[EffSerializing])) begin
          has_last = 1'b1;
          last     = 4'(i);
        end
      end
    end
    last_family   = has_last ? info[last[2:0]].family : FamNop;
    last_selector = selector[last[2:0]];
    last_long     = long_literal[last[2:0]];
    last_imm      = imm[last[2:0]];
    last_a        = '0;
    last_b        = '0;
    for (int unsigned i = 0; i < Width; i++) begin
      if (4'(i) == last) begin
        last_a = a[i];
        last_b = b[i];
      end
    end
  end

  `include "conditions.svh"

  logic [63:0] special_value;
  always_comb begin
    unique case (32'(last_selector))
      SprIpending:  special_value = 64'(seen_lines);
      SprCycles:    special_value = seen_cycle;
      SprMolecules: special_value = molecules_q;
      SprAtoms:     special_value = atoms_q;
      SprCommits:   special_value = commits_q;
      SprRollbacks: special_value = rollbacks_q;
      SprGated:     special_value = 64'(gated) + 64'(new_stores);
      SprFsr:       special_value = fsr;
      default:      special_value = special[last_selector[$clog2(NumSpecials)-1:0]];
    endcase
  end

  // Branch atoms other than the ones that act last, and the look-up help.
  logic [63:0] behind;                     // the molecule in memory behind it
  assign behind = pc_q + 64'(bytes);
  assign taken  = effects[EffBranch] && next_pc != behind;
  branch_unit #(.Width(Width)) i_branch (
    .straps_i(straps), .go_i(run), .pc_i(pc_q), .behind_i(behind), .count_i(count), .info_i(info), .imm_i(imm), .cond_i(cond), .a_i(a), .b_i(b),
    .epc_i(special[SprEpc]), .next_pc_o(next_pc), .penalty_o(branch_penalty), .jtb_looks_up_o(jtb_looks_up), .jtb_guest_o(jtb_guest),
    .top_guest_i(top_guest), .top_host_i(top_host), .pop_o(pop), .pop_guest_o(pop_guest),
    .push_o(push), .push_guest_o(push_guest), .push_host_o(push_host)
  );

  lookup #(.JtbEntries(JtbEntries), .ReturnEntries(ReturnEntries)) i_lookup (
    .clk_i, .rst_ni, .straps_i(straps), .jtb_guest_i(jtb_guest), .jtb_host_o(jtb_host),
    .jtb_write_i(jtb_write), .jtb_write_guest_i(last_a[31:0]), .jtb_write_host_i(last_b), .jtb_clear_i(jtb_clear),
    .top_guest_o(top_guest), .top_host_o(top_host), .pop_i(issue && pop), .push_i(issue && push),
    .push_guest_i(push_guest), .push_host_i(push_host), .return_clear_i(return_clear)
  );

  // Atoms that are not hardware yet; FSR passes through them in order.
  logic [63:0] fp_low [Width], fp_high [Width];
  always_comb begin
    longint unsigned low, high, status;
    low    = 0;
    high   = 0;
    status = special[SprFsr];
    `ROLLED(i, Width) begin
      fp_low[i]  = '0;
      fp_high[i] = '0;
      if (run && 4'(i) < count && is_fp_or_media(info[i].unit)) begin
        atom_execute(32'(row[i]), 32'(selector[i]), a[i], va[i][63:0], va[i][127:64], vb[i][63:0], vb[i][127:64], vd[i][63:0], vd[i][127:64],
                     special[SprFcr], status, low, high);
        fp_low[i]  = low;
        fp_high[i] = high;
      end
    end
    fsr = status;
  end
  function automatic logic is_fp_or_media(input logic [3:0] unit);
    return unit == 4'(UnitFp) || unit == 4'(UnitMedia);
  endfunction

  always_comb begin
    `ROLLED(i, Width) begin
      int_write[i]   = 1'b0;
      flags_write[i] = 1'b0;
      vec_write[i]   = 1'b0;
      value[i]       = '0;
      high_value[i]  = '0;
      if (run && 4'(i) < count) begin
        int_write[i]   = info[i].operands[OpdWritesRd] && rd[i] != 6'd63;
        vec_write[i]   = info[i].operands[OpdWritesVd];
        flags_write[i] = info[i].effects[EffWritesFd] && fd[i] != '0;
        if (is_fp_or_media(info[i].unit)) begin
          value[i]      = fp_low[i];
          high_value[i] = fp_high[i];
        end else if (info[i].family == FamMfs) begin
          value[i] = special_value;
        end else if (info[i].family == FamTlbProbe) begin
          value[i] = tlb_probe;
        end else if (info[i].effects[EffCall]) begin
          value[i] = behind;
        end else if (info[i].family == FamJtbLookup) begin
          value[i] = jtb_host;
        end else begin
          value[i] = int_value[i];
        end
      end
    end
    `ROLLED(p, MemPorts) begin
      if (memory_atom[p].load) begin
        `ROLLED(i, Width) begin
          if (4'(i) == memory_source[p]) begin
            value[i]      = loaded[p][63:0];
            high_value[i] = loaded[p][127:64];
          end
        end
      end
    end
  end

  // -- outstanding results ---------------------------------------------------------------------------------------------------------------
  latencies #(.Width(Width)) i_latencies (
    .go_i(run), .count_i(count), .info_i(info), .rd_i(rd), .fd_i(fd), .int_write_i(int_write), .flags_write_i(flags_write),
    .vector_write_i(vec_write), .latency_i(latency), .late_o(late), .registers_o(late_registers), .latency_o(late_latency)
  );
  always_comb begin
    `ROLLED(p, MemPorts) begin
      load[p]          = memory_atom[p].load && !memory_atom[p].discard;
      load_register[p] = memory_atom[p].destination;
      load_latency[p]  = latency[LatLoad] + (to_memory[p] && access_two[p] ? 8'd1 : 8'd0);
    end
  end

  // -- what acts last, and events -----------------------------------------------------------------------------------------------------------
  logic        acts;
  logic        platform;
  logic [11:0] uncounted, committed;      // of the molecule and those since the last commit; guest instructions of a commit
  always_comb begin
    uncounted = uncounted_q;
    if (effects[EffUncount]) begin
      for (int unsigned i = 0; i < Width; i++) begin
        if (4'(i) < count && info[i].effects[EffUncount] &&
            (info[i].family == FamUncountCc ? holds(cond[i], a[i]) : (a[i] == '0) == (info[i].family == FamUncountZ))) begin
          uncounted = uncounted + selector[i];
        end
      end
    end
    committed = last_selector - uncounted;
  end
  always_comb begin
    acts            = issue && has_last;
    commits         = issue && effects[EffCommit];
    rolls_back      = (issue && effects[EffRollback]) || (event_now && CauseRollsBack[event_cause]);
    alias_clear     = acts && last_family == FamAliasClear;
    tlb_write       = acts && last_family == FamTlbWrite;
    tlb_flush       = acts && (last_family == FamTlbFlush || last_family == FamTlbFlushLocal);
    tlb_keep_global = last_family == FamTlbFlushLocal;
    tlb_flush_page  = acts && last_family == FamTlbFlushPage;
    jtb_write       = acts && last_family == FamJtbWrite;
    jtb_clear       = acts && last_family == FamJtbClear;
    return_clear    = acts && last_family == FamReturnClear;
    platform        = acts && last_family == FamPlatform;
    for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
      // Lines of L1I that a concealed store writes: its first byte's and its last one's.
      code_written[q] = 1'b0;
      code_line[q]    = (q % 2 == 0 ? physical[q - q % 2] : physical[q - q % 2] + 64'(piece_size[q - q % 2]) - 64'd1) & L1iMask;
    end
    for (int unsigned p = 0; p < MemPorts; p++) begin
      if (memory_atom[p].store && !memory_atom[p].guest && !to_device[p] && (issue || (event_now && concealed_done[p]))) begin
        code_written[2*p]   = 1'b1;
        code_written[2*p+1] = code_line[2*p+1] != code_line[2*p];
      end
    end
  end

  // -- registers -------------------------------------------------------------------------------------------------------------------------------
  logic [63:0] moved, new_gpc;            // by mts; by a commit that has one
  logic        moves, has_gpc;
  always_comb begin
    unique case (32'(last_selector))
      SprImask, SprEsave, SprUserMode, SprIomode: moved = 64'(last_a[0]);
      SprEpc, SprVbase: moved = {last_a[63:2], 2'b00};
      SprGpc:           moved = 64'(last_a[31:0]);
      default:          moved = last_a;
    endcase
    moves = last_family == FamMts;
    has_gpc        = effects[EffCommit] && (last_family == FamCommitPc || last_long);
    new_gpc        = last_family == FamCommitPc ? 64'(last_a[31:0]) : last_imm;
  end
  registers #(.Width(Width)) i_registers (
    .clk_i, .rst_ni, .vectors_i(vectors), .ra_i(ra), .rb_i(rb), .rc_i(rc), .rd_i(rd), .fd_i(fd),
    .a_o(a), .b_o(rb_value), .c_o(c), .d_o(d), .flags_o(old), .va_o(va), .vb_o(vb), .vd_o(vd), .fcr_o(fcr), .fsr_o(old_fsr), .gpc_o(gpc),
    .issue_i(issue), .int_write_i(int_write), .flags_write_i(flags_write), .vector_write_i(vec_write),
    .value_i(value), .high_value_i(high_value), .new_flags_i(int_flags), .fsr_write_i(effects[EffFp]), .fsr_i(fsr),
    .fcr_set_i(moves && 32'(last_selector) == SprFcr), .fsr_set_i(moves && 32'(last_selector) == SprFsr),
    .gpc_set_i(has_gpc || (moves && 32'(last_selector) == SprGpc)), .set_i(has_gpc ? new_gpc : moved),
    .commit_i(commits), .rollback_i(rolls_back)
  );
  always_comb begin
    for (int unsigned i = 0; i < NumSpecials; i++) special[i] = spr_q[i];
    special[SprFcr] = fcr;
    special[SprFsr] = old_fsr;
    special[SprGpc] = gpc;
  end

  // -- the end of the cycle -------------------------------------------------------------------------------------------------------------------
  // Everything that reaches the world outside does so in this one block, in the order of docs/timing.md, rule M1.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      cycle_q         <= '0;
      pc_q            <= bus_strap(StrapResetVector);
      ready_q         <= 1'b0;
      redirected_q    <= 1'b1;
      ready_cycle_q   <= '0;
      pending_lines_q <= '0;
      branch_wait_q   <= '0;
      wait_q          <= '0;
      branch_charge_q <= 4'(ChargeBranch);
      wait_charge_q   <= 4'(ChargeEvent);
      device_wait_q   <= '0;
      devices_gated_q <= 1'b0;
      lines_q         <= '0;
      last_sample_q   <= '0;
      fetch_due_q     <= '1;
      fetch_from_memory_q <= 1'b0;
      range_q         <= 1'b0;
      range_begin_q   <= '0;
      range_end_q     <= '0;
      molecules_q     <= '0;
      atoms_q         <= '0;
      commits_q       <= '0;
      uncounted_q     <= '0;
      rollbacks_q     <= '0;
      from_memory_q   <= '0;
      for (int unsigned i = 0; i < MissRegisters; i++) due_q[i] <= '0;
      for (int unsigned i = 0; i < NumSpecials; i++) spr_q[i] <= '0;
      spr_q[SprEcause]   <= 64'(CauseReset);
      spr_q[SprFeatures] <= bus_strap(StrapFeatures);
    end else begin
      bit from_memory;
      bit answer;
      longint unsigned written_begin, written_end;
      longint unsigned attention;
      logic [63:0] now_pc;
      logic        rolled;
      cycle_q <= cycle_q + 64'd1;
      lines_q <= lines_i;
      range_q       <= written_i;
      range_begin_q <= written_begin_i;
      range_end_q   <= written_end_i;

      // Waiting.
      if (branch_wait_q != '0) branch_wait_q <= branch_wait_q - 10'd1;
      else if (wait_q != '0)   wait_q <= wait_q - 10'd1;
      if (ready_first) begin
        ready_cycle_q   <= cycle_q;
        pending_lines_q <= pending_lines;
        if (sample_due) last_sample_q <= cycle_q;
      end
      ready_q       <= ready_now && !leaves;
      device_wait_q <= device_wait == '0 ? 16'd0 : device_wait - 16'd1;

      // Memory.
      for (int unsigned p = 0; p < MemPorts; p++) begin
        if (memory_atom[p].store && !memory_atom[p].guest && to_memory[p] && (issue || (event_now && concealed_done[p]))) begin
          bus_store(physical[2*p], 32'(piece_size[2*p]), store_data[p][63:0], store_data[p][127:64]);
        end
      end
      if (records_i && issue) begin
        // Loads execute first, then concealed stores, then prefetches.
        for (int unsigned pass = 0; pass < 3; pass++) begin
          for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
            if (piece[q] && (pass == 0 ? memory_atom[q/2].load :
                             pass == 1 ? memory_atom[q/2].store && !memory_atom[q/2].guest : memory_atom[q/2].prefetch && to_memory[q/2])) begin
              bus_record_access(memory_atom[q/2].guest, memory_atom[q/2].store, memory_atom[q/2].prefetch, physical[q],
                                memory_atom[q/2].prefetch ? 32'd1 : 32'(piece_size[q]));
            end
          end
        end
      end
      if (issue && has_stores) begin
        for (int unsigned q = 0; q < 2 * MemPorts; q++) begin
          if (gate[q] && !gate_concealed[q] && !(commits && gate_device[q])) begin
            bus_gate(physical[q], 32'(piece_size[q]), gate_device[q], gate_data[128*q +: 64], gate_data[128*q+64 +: 64]);
          end
        end
      end
      if (commits) bus_commit(32'(last_selector));
      if (rolls_back) bus_rollback();

      // The second level.
      if (fetch_request) begin
        fetch_due_q <= bus_fill(1'b1, fetch_line, cycle_q + 64'd1, from_memory);
        fetch_from_memory_q <= from_memory;
      end
      for (int unsigned k = 0; k < Requests; k++) begin
        if (request[k]) begin
          due_q[request_register[k][$clog2(MissRegisters)-1:0]] <= bus_fill(1'b0, 64'(request_line[k]), cycle_q + 64'd1, from_memory);
          from_memory_q[request_register[k][$clog2(MissRegisters)-1:0]] <= from_memory;
          if (victim[k]) bus_write_back(64'(victim_line[k]), cycle_q + 64'd1);
        end
      end

      // Results.
      if (issue) begin
        molecules_q <= molecules_q + 64'd1;
        atoms_q     <= atoms_q + 64'(count);
        pc_q         <= next_pc;
        redirected_q <= taken || effects[EffRollback];
        if (taken) begin
          branch_wait_q   <= branch_penalty;
          branch_charge_q <= effects[EffSerializing] ? 4'(ChargeEvent) : 4'(ChargeBranch);
        end
        if (effects[EffRollback]) begin
          wait_q        <= 10'(straps.rollback);
          wait_charge_q <= 4'(ChargeRollback);
        end
        if (effects[EffCommit]) begin
          spr_q[SprGcount] <= spr_q[SprGcount] + 64'(committed);
          commits_q <= commits_q + 64'd1;
        end
        if (last_family == FamMts) begin
          unique case (32'(last_selector))
            SprIpending, SprCycles, SprMolecules, SprAtoms, SprCommits, SprRollbacks, SprGated, SprFeatures, SprSampleAddress,
            SprFcr, SprFsr, SprGpc: ;
            default: spr_q[last_selector[$clog2(NumSpecials)-1:0]] <= moved;
          endcase
        end
        if (last_family == FamEret) spr_q[SprImask] <= spr_q[SprEsave];
      end

      if (commits || rolls_back)             devices_gated_q <= 1'b0;
      else if (issue && own_device_stores)   devices_gated_q <= 1'b1;
      if (commits || rolls_back)             uncounted_q <= '0;
      else if (issue)                        uncounted_q <= uncounted;

      // Rollback, by atom or event; an event.
      rolled = rolls_back;
      now_pc = pc_q;
      answer = 1'b0;
      attention = 0;
      written_begin = 0;
      written_end = 0;
      if (platform) begin
        answer = bus_platform(last_a[31:0], seen_cycle, attention, written_begin, written_end);
        now_pc = next_pc;
        if (written_end != 0) begin
          range_q       <= 1'b1;
          range_begin_q <= written_begin;
          range_end_q   <= written_end;
        end
      end
      if (rolled) rollbacks_q <= rollbacks_q + 64'd1;
      if (sample) spr_q[SprSampleAddress] <= pc_q;
      if (event_now || answer) begin
        spr_q[SprEpc]    <= now_pc;
        spr_q[SprEcause] <= event_now ? 64'(event_cause) : 64'(CausePlatformReturn);
        spr_q[SprEaddr]  <= event_now ? event_address : 64'd0;
        spr_q[SprEinfo]  <= event_now ? event_info : attention;
        spr_q[SprEsave]  <= spr_q[SprImask];
        spr_q[SprImask]  <= '0;
        pc_q             <= special[SprVbase];
        redirected_q     <= 1'b1;
        branch_wait_q    <= '0;
        wait_q           <= 10'(straps.entry) + (rolled ? 10'(straps.rollback) : 10'd0);
        wait_charge_q    <= event_now ? charge_of(event_cause) : 4'(ChargeEvent);
      end
    end
  end

  // -- for the simulator ------------------------------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  statistics i_statistics (
    .clk_i, .rst_ni, .taken_i(issue && taken), .fetch_hits_i(fetch_hits), .fetch_request_i(fetch_request), .invalidated_i(invalidated),
    .accesses_i(issue && has_accesses), .load_hits_i(load_hits), .load_misses_i(load_misses_n), .store_hits_i(store_hits),
    .store_misses_i(store_misses), .prefetches_i(prefetches), .dropped_i(prefetches_dropped), .forwarded_i(forwarded_misses),
    .crossings_i(crossings), .drain_conflict_i(drain_conflict), .rollback_atom_i(issue && effects[EffRollback]),
    .commit_i(commits), .released_i(64'(gated) + 64'(new_stores)), .jtb_looks_up_i(issue && jtb_looks_up), .jtb_hit_i(jtb_host != '0),
    .pop_i(issue && pop), .pop_hit_i(top_host != '0 && top_guest == pop_guest), .commits_i(commits_q), .rollbacks_i(rollbacks_q),
    .counter_o
  );
`else
  always_comb for (int unsigned i = 0; i < 24; i++) counter_o[i] = '0;
`endif
  assign cycle_o     = cycle_q;
  assign ready_o     = ready_first;
  assign issue_o     = issue;
  assign event_o     = event_now;
  assign cause_o     = event_cause;
  assign pc_o        = pc_q;
  assign count_o     = count;
  assign end_o       = behind;
  assign rollback_o  = rolls_back;
  assign commit_o    = commits;
  assign committed_o = committed;
  assign gcount_o    = special[SprGcount];
  assign gated_o     = gated;
endmodule
