// The gated store buffer: docs/timing.md, rules S1 to S7 and D9; docs/host-isa.md, "Gated stores".
//
// A guest store takes an entry when its molecule issues. It is *gated* until a commit makes it *released*;
// released stores drain to L1D in order; a rollback drops the gated ones. Loads see, byte by byte, the newest
// value. Stores to devices are gated too, but take no part in draining: they go to their device in the cycle of
// the commit (rule D11), through a window of their own.
//
// One molecule issues per cycle. What it does is presented in that cycle, and only if it issues:
//   store_*_i     one port per piece that lies in one page, oldest first; ports need not be filled from 0.
//                 `size` is 1 to Bytes, `data` starts in its lowest byte, only `size` bytes of it count.
//                 `concealed`: not gated (rule D6). The store itself is L1D's; here it updates released entries
//                 that it overlaps, so that their draining does not bring old bytes back.
//                 Requires room: gated_o + released_o + the gated ones among them <= Entries. The core finds
//                 out with the two counts: beyond the gated ones alone is the event StoreBufferFull, otherwise it
//                 waits (rule S2).
//   commit_i      releases all gated stores, those presented in this cycle included (S3).
//   rollback_i    drops all gated stores, those presented in this cycle included (S6). Never with commit_i.
//
// Everything else shows the state before that molecule (S7):
//   gated_o, released_o     entries taken, device stores among the gated ones
//   load_*_i      a load of up to Bytes bytes from `addr`. `guest`: sees gated and released stores; otherwise a
//                 concealed load, which sees released ones only.
//   load_hit_o    which of the Bytes bytes from `addr` on the buffer holds; load_data_o their values, the others 0.
//   drain_*       the oldest released store; it leaves at the end of a cycle in which drain_ready_i is 1, and its
//                 entry can be taken in the next (S4, S5). drain_data_o includes this cycle's concealed stores: the
//                 molecule comes first (S7).
//   device_count_o          device stores that a commit in this cycle sends, those presented in this cycle included
//   device_index_i          chooses one of them, 0 the oldest, for device_{addr,size,data}_o
//
// Inside, bytes lie in lanes: the byte of address a in lane a mod Bytes. As no store is longer than that, each
// lane holds one byte, of granule a / Bytes or of the next one; so loads need no shifter per entry.
//
// Ports are flat vectors, port p at [p*Width +: Width], so that yosys reads them.
`ifndef ROLLED  // as in loops.svh, which a module that is read alone does not need
`ifdef VERILATOR
`define ROLLED(i, n) for (int unsigned i = 0; (i < (n)) && ($c32("1") != 32'd0); i++)
`else
`define ROLLED(i, n) for (int unsigned i = 0; i < (n); i++)
`endif
`endif

module store_buffer #(
  parameter int unsigned Entries    = 36,
  parameter int unsigned LoadPorts  = 1,
  parameter int unsigned StorePorts = 2,
  parameter int unsigned AddrWidth  = 32,
  parameter int unsigned Bytes      = 16,  // power of two, at least 2: longest access
  localparam int unsigned SizeWidth  = $clog2(Bytes) + 1,
  localparam int unsigned CountWidth = $clog2(Entries + 1),
  localparam int unsigned DataWidth  = 8 * Bytes
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,

  input  logic [StorePorts-1:0]            store_valid_i,
  input  logic [StorePorts-1:0]            store_concealed_i,
  input  logic [StorePorts-1:0]            store_device_i,
  input  logic [StorePorts*AddrWidth-1:0]  store_addr_i,
  input  logic [StorePorts*SizeWidth-1:0]  store_size_i,
  input  logic [StorePorts*DataWidth-1:0]  store_data_i,
  input  logic                             commit_i,
  input  logic                             rollback_i,

  output logic [CountWidth-1:0]            gated_o,
  output logic [CountWidth-1:0]            released_o,

  input  logic [LoadPorts-1:0]             load_guest_i,
  input  logic [LoadPorts*AddrWidth-1:0]   load_addr_i,
  output logic [LoadPorts*Bytes-1:0]       load_hit_o,
  output logic [LoadPorts*DataWidth-1:0]   load_data_o,

  output logic                             drain_valid_o,
  output logic [AddrWidth-1:0]             drain_addr_o,
  output logic [SizeWidth-1:0]             drain_size_o,
  output logic [DataWidth-1:0]             drain_data_o,
  input  logic                             drain_ready_i,

  output logic [CountWidth-1:0]            device_count_o,
  input  logic [CountWidth-1:0]            device_index_i,
  output logic [AddrWidth-1:0]             device_addr_o,
  output logic [SizeWidth-1:0]             device_size_o,
  output logic [DataWidth-1:0]             device_data_o
);
  localparam int unsigned LaneWidth    = $clog2(Bytes);
  localparam int unsigned GranuleWidth = AddrWidth - LaneWidth;
  localparam int unsigned IndexWidth   = $clog2(Entries);

  // -- stores to memory: a ring, oldest at head_q; released entries first, then gated ones -----------------------
  logic [GranuleWidth-1:0] granule_q [Entries];
  logic [LaneWidth-1:0]    lane_q    [Entries];  // of the first byte
  logic [SizeWidth-1:0]    size_q    [Entries];
  logic [DataWidth-1:0]    data_q    [Entries];  // by lanes
  logic [Bytes-1:0]        low_q     [Entries];  // lanes that hold a byte of the granule
  logic [Bytes-1:0]        high_q    [Entries];  // lanes that hold a byte of the next one
  logic [IndexWidth-1:0]   head_q, head_d;
  logic [CountWidth-1:0]   released_q, released_d;
  logic [CountWidth-1:0]   gated_q, gated_d;     // to memory

  // -- stores to devices: all gated, oldest at 0 -----------------------------------------------------------------
  logic [AddrWidth-1:0]    device_addr_q [Entries];
  logic [SizeWidth-1:0]    device_size_q [Entries];
  logic [DataWidth-1:0]    device_data_q [Entries];
  logic [CountWidth-1:0]   device_q, device_d;

  // Index modulo Entries.
  function automatic logic [IndexWidth-1:0] wrapped(input logic [CountWidth:0] sum);
    wrapped = IndexWidth'(sum >= (CountWidth+1)'(Entries) ? sum - (CountWidth+1)'(Entries) : sum);
  endfunction

  // A store's bytes, rotated left to their lanes.
  function automatic logic [DataWidth-1:0] to_lanes(input logic [DataWidth-1:0] data, input logic [LaneWidth-1:0] lane);
    to_lanes = DataWidth'({2{data}} >> (DataWidth - 32'({lane, 3'b000})));
  endfunction

  // And back.
  function automatic logic [DataWidth-1:0] from_lanes(input logic [DataWidth-1:0] lanes, input logic [LaneWidth-1:0] lane);
    from_lanes = DataWidth'({2{lanes}} >> {lane, 3'b000});
  endfunction

  // The lanes that a store takes: of the granule of its first byte, and above them those of the next one.
  function automatic logic [2*Bytes-1:0] lanes_taken(input logic [SizeWidth-1:0] size, input logic [LaneWidth-1:0] lane);
    lanes_taken = (2*Bytes)'((1 << size) - 1) << lane;
  endfunction

  function automatic logic [DataWidth-1:0] bits_of(input logic [Bytes-1:0] lanes);
    bits_of = '0;
    `ROLLED(i, Bytes) bits_of[8*i +: 8] = {8{lanes[i]}};
  endfunction

  logic [StorePorts-1:0]           store_memory, store_to_device;
  logic [GranuleWidth-1:0]         store_granule [StorePorts];
  logic [GranuleWidth-1:0]         store_beyond  [StorePorts];  // the granule after it
  logic [LaneWidth-1:0]            store_lane    [StorePorts];
  logic [DataWidth-1:0]            store_lanes   [StorePorts];
  logic [Bytes-1:0]                store_low     [StorePorts];
  logic [Bytes-1:0]                store_high    [StorePorts];

  always_comb begin
    for (int unsigned p = 0; p < StorePorts; p++) begin
      store_memory[p]    = store_valid_i[p] && !store_concealed_i[p] && !store_device_i[p];
      store_to_device[p] = store_valid_i[p] && !store_concealed_i[p] && store_device_i[p];
      store_granule[p]   = store_addr_i[p*AddrWidth + LaneWidth +: GranuleWidth];
      store_beyond[p]    = store_granule[p] + 1'b1;
      store_lane[p]      = store_addr_i[p*AddrWidth +: LaneWidth];
      store_lanes[p]     = to_lanes(store_data_i[p*DataWidth +: DataWidth], store_lane[p]);
      {store_high[p], store_low[p]} = lanes_taken(store_size_i[p*SizeWidth +: SizeWidth], store_lane[p]);
    end
  end

  // -- concealed stores update what is released --------------------------------------------------------------------
  // Age of an entry: its distance from the head.
  logic [CountWidth-1:0] age [Entries];
  logic [DataWidth-1:0]  merged [Entries];  // data_q with this cycle's concealed stores

  always_comb begin
    `ROLLED(e, Entries) begin
      age[e] = e >= 32'(head_q) ? CountWidth'(e - 32'(head_q)) : CountWidth'(e + Entries - 32'(head_q));
    end
  end
  logic any_concealed;
  assign any_concealed = (store_valid_i & store_concealed_i) != '0;
  always_comb begin
    `ROLLED(e, Entries) begin
      merged[e] = data_q[e];
      if (any_concealed) `ROLLED(p, StorePorts) begin
        if (store_valid_i[p] && store_concealed_i[p] && age[e] < released_q) begin
          if (granule_q[e] == store_granule[p]) begin
            merged[e] = (merged[e] & ~bits_of(low_q[e] & store_low[p] | high_q[e] & store_high[p])) |
                        (store_lanes[p] & bits_of(low_q[e] & store_low[p] | high_q[e] & store_high[p]));
          end else if (granule_q[e] == store_beyond[p]) begin
            merged[e] = (merged[e] & ~bits_of(low_q[e] & store_high[p])) | (store_lanes[p] & bits_of(low_q[e] & store_high[p]));
          end else if (granule_q[e] + 1'b1 == store_granule[p]) begin
            merged[e] = (merged[e] & ~bits_of(high_q[e] & store_low[p])) | (store_lanes[p] & bits_of(high_q[e] & store_low[p]));
          end
        end
      end
    end
  end

  // -- loads -----------------------------------------------------------------------------------------------------------
  // Entries at or behind the head are older than those before it, where the ring has wrapped; within each group
  // the higher index is newer. So two passes in fixed order find the newest.
  always_comb begin
    `ROLLED(p, LoadPorts) begin
      logic [GranuleWidth-1:0] granule, beyond;
      logic [LaneWidth-1:0]    lane;
      logic [Bytes-1:0]        first, lanes, old_hit, new_hit;  // first: lanes of the load's own granule
      logic [DataWidth-1:0]    old_data, new_data, data;
      logic [CountWidth-1:0]   seen;
      granule  = load_addr_i[p*AddrWidth + LaneWidth +: GranuleWidth];
      beyond   = granule + 1'b1;
      lane     = load_addr_i[p*AddrWidth +: LaneWidth];
      first    = {Bytes{1'b1}} << lane;
      seen     = load_guest_i[p] ? released_q + gated_q : released_q;
      old_hit  = '0;
      new_hit  = '0;
      old_data = '0;
      new_data = '0;
      lanes    = '0;
      // Most loads find the buffer empty.
      if (seen != '0) `ROLLED(e, Entries) begin
        lanes = '0;
        if (age[e] < seen) begin
          if (granule_q[e] == granule) lanes = low_q[e] & first | high_q[e] & ~first;
          else if (granule_q[e] == beyond) lanes = low_q[e] & ~first;
          else if (granule_q[e] + 1'b1 == granule) lanes = high_q[e] & first;
        end
        if (lanes != '0) begin
          if (e >= 32'(head_q)) begin
            old_hit  = old_hit | lanes;
            old_data = (old_data & ~bits_of(lanes)) | (data_q[e] & bits_of(lanes));
          end else begin
            new_hit  = new_hit | lanes;
            new_data = (new_data & ~bits_of(lanes)) | (data_q[e] & bits_of(lanes));
          end
        end
      end
      data = (old_data & ~bits_of(new_hit)) | new_data;
      load_hit_o[p*Bytes +: Bytes] = Bytes'({2{old_hit | new_hit}} >> lane);
      load_data_o[p*DataWidth +: DataWidth] = from_lanes(data, lane);
    end
  end

  // -- draining -----------------------------------------------------------------------------------------------------------
  logic drained;
  assign drain_valid_o = released_q != '0;
  assign drained       = drain_valid_o && drain_ready_i;
  assign drain_addr_o  = {granule_q[head_q], lane_q[head_q]};
  assign drain_size_o  = size_q[head_q];
  assign drain_data_o  = from_lanes(merged[head_q], lane_q[head_q]);

  // -- the window on device stores ------------------------------------------------------------------------------------------
  always_comb begin
    logic [CountWidth-1:0] index;
    index         = device_q;
    device_addr_o = device_index_i < device_q ? device_addr_q[device_index_i[IndexWidth-1:0]] : '0;
    device_size_o = device_index_i < device_q ? device_size_q[device_index_i[IndexWidth-1:0]] : '0;
    device_data_o = device_index_i < device_q ? device_data_q[device_index_i[IndexWidth-1:0]] : '0;
    for (int unsigned p = 0; p < StorePorts; p++) begin
      if (store_to_device[p]) begin
        if (device_index_i == index) begin
          device_addr_o = store_addr_i[p*AddrWidth +: AddrWidth];
          device_size_o = store_size_i[p*SizeWidth +: SizeWidth];
          device_data_o = store_data_i[p*DataWidth +: DataWidth];
        end
        index = index + 1'b1;
      end
    end
    device_count_o = index;
  end

  // -- next state --------------------------------------------------------------------------------------------------------
  logic [CountWidth-1:0] new_memory, new_device;  // entries that this cycle's stores take
  always_comb begin
    new_memory = '0;
    new_device = '0;
    for (int unsigned p = 0; p < StorePorts; p++) begin
      new_memory = new_memory + CountWidth'(store_memory[p]);
      new_device = new_device + CountWidth'(store_to_device[p]);
    end
    head_d     = drained ? wrapped((CountWidth+1)'(head_q) + 1'b1) : head_q;
    released_d = released_q - CountWidth'(drained);
    gated_d    = gated_q + new_memory;
    device_d   = device_q + new_device;
    if (commit_i) released_d = released_d + gated_d;
    if (commit_i || rollback_i) begin
      gated_d  = '0;
      device_d = '0;
    end
  end

  assign gated_o    = gated_q + device_q;
  assign released_o = released_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      head_q     <= '0;
      released_q <= '0;
      gated_q    <= '0;
      device_q   <= '0;
    end else begin
      head_q     <= head_d;
      released_q <= released_d;
      gated_q    <= gated_d;
      device_q   <= device_d;
    end
  end

  // Contents need no reset: the counts say which are valid.
  logic [IndexWidth-1:0] place        [StorePorts];
  logic [CountWidth-1:0] device_place [StorePorts];
  always_comb begin
    logic [CountWidth-1:0] taken, device_taken;
    taken        = released_q + gated_q;
    device_taken = device_q;
    for (int unsigned p = 0; p < StorePorts; p++) begin
      place[p]        = wrapped((CountWidth+1)'(head_q) + (CountWidth+1)'(taken));
      device_place[p] = device_taken;
      taken        = taken + CountWidth'(store_memory[p]);
      device_taken = device_taken + CountWidth'(store_to_device[p]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (any_concealed) begin
      for (int unsigned e = 0; e < Entries; e++) data_q[e] <= merged[e];
    end
    for (int unsigned p = 0; p < StorePorts; p++) begin
      if (store_memory[p]) begin
        granule_q[place[p]] <= store_granule[p];
        lane_q[place[p]]    <= store_lane[p];
        size_q[place[p]]    <= store_size_i[p*SizeWidth +: SizeWidth];
        data_q[place[p]]    <= store_lanes[p];
        low_q[place[p]]     <= store_low[p];
        high_q[place[p]]    <= store_high[p];
      end
      if (store_to_device[p]) begin
        device_addr_q[device_place[p][IndexWidth-1:0]] <= store_addr_i[p*AddrWidth +: AddrWidth];
        device_size_q[device_place[p][IndexWidth-1:0]] <= store_size_i[p*SizeWidth +: SizeWidth];
        device_data_q[device_place[p][IndexWidth-1:0]] <= store_data_i[p*DataWidth +: DataWidth];
      end
    end
  end

  // -- assertions ----------------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (rst_ni) begin
      NoCommitWithRollback: assert (!(commit_i && rollback_i));
      RoomForStores: assert ((CountWidth+2)'(gated_o) + (CountWidth+2)'(released_o) + (CountWidth+2)'(new_memory) + (CountWidth+2)'(new_device)
          <= (CountWidth+2)'(Entries));
    end
  end
`endif
`ifdef FORMAL
  `include "store_buffer.svh"  // the properties that rtl/formal/prove.py proves
`endif
endmodule
