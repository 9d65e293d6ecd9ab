// What the store buffer keeps, for one byte of memory that the solver chooses. Part of store_buffer.sv.
//
// The model beside it: `memory` is the byte as L1D and memory hold it, `committed` what the program has stored there
// by its last commit, `gated` what it has stored since.

// The first cycle is reset.
reg f_started = 1'b0;
always @(posedge clk_i) f_started <= 1'b1;
always @* assume (rst_ni == f_started);

// -- environment: what the head of store_buffer.sv requires -------------------------------------------------------------
always @* if (rst_ni) begin
  assume (!(commit_i && rollback_i));
  assume ({2'b0, gated_o} + {2'b0, released_o} + {2'b0, new_memory} + {2'b0, new_device} <= Entries);
end
for (genvar p = 0; p < StorePorts; p = p + 1) begin : f_environment
  always @* assume (store_size_i[p*SizeWidth +: SizeWidth] != 0 && store_size_i[p*SizeWidth +: SizeWidth] <= Bytes);
  // A concealed store is one to memory, whatever `device` says.
end

// -- the model ------------------------------------------------------------------------------------------------------------
(* anyconst *) reg [AddrWidth-1:0]  f_address;
(* anyconst *) reg [CountWidth-1:0] f_device;       // the device store that is watched
(* anyconst *) reg [7:0]            f_initial;

reg [7:0]          f_memory, f_committed, f_gated;
reg                f_is_gated;
// How many drains until the newest store of the byte has left the buffer: the newest released one, the newest gated
// one. 0: there is none.
reg [CountWidth:0] f_released_at, f_gated_at;
reg [CountWidth-1:0] f_released_count, f_gated_count, f_device_count;
reg [AddrWidth-1:0]  f_device_addr;
reg [SizeWidth-1:0]  f_device_size;
reg [DataWidth-1:0]  f_device_data;

reg [7:0]          n_memory, n_committed, n_gated, n_byte;
reg                n_is_gated, n_covers;
reg [CountWidth:0] n_released_at, n_gated_at;
reg [CountWidth-1:0] n_released_count, n_gated_count, n_device_count;
reg [AddrWidth-1:0]  n_device_addr;
reg [SizeWidth-1:0]  n_device_size;
reg [DataWidth-1:0]  n_device_data;
reg [AddrWidth-1:0]  n_offset;
reg                  n_drained;
integer f_p;

always @* begin
  n_memory = f_memory;
  n_committed = f_committed;
  n_gated = f_gated;
  n_is_gated = f_is_gated;
  n_released_at = f_released_at;
  n_gated_at = f_gated_at;
  n_released_count = f_released_count;
  n_gated_count = f_gated_count;
  n_device_count = f_device_count;
  n_device_addr = f_device_addr;
  n_device_size = f_device_size;
  n_device_data = f_device_data;
  n_offset = 0;
  n_covers = 0;
  n_byte = 0;
  // The molecule comes first ...
  for (f_p = 0; f_p < StorePorts; f_p = f_p + 1) begin
    n_offset = f_address - store_addr_i[f_p*AddrWidth +: AddrWidth];
    n_covers = n_offset < store_size_i[f_p*SizeWidth +: SizeWidth];
    n_byte = store_data_i[f_p*DataWidth + 8*n_offset[LaneWidth-1:0] +: 8];
    if (store_valid_i[f_p] && store_concealed_i[f_p]) begin
      if (n_covers) begin
        n_memory = n_byte;
        n_committed = n_byte;
      end
    end else if (store_valid_i[f_p] && store_device_i[f_p]) begin
      if (n_device_count == f_device) begin
        n_device_addr = store_addr_i[f_p*AddrWidth +: AddrWidth];
        n_device_size = store_size_i[f_p*SizeWidth +: SizeWidth];
        n_device_data = store_data_i[f_p*DataWidth +: DataWidth];
      end
      n_device_count = n_device_count + 1;
    end else if (store_valid_i[f_p]) begin
      n_gated_count = n_gated_count + 1;
      if (n_covers) begin
        n_is_gated = 1;
        n_gated = n_byte;
        n_gated_at = n_released_count + n_gated_count;
      end
    end
  end
  // ... then the oldest store drains: it was released before.
  n_drained = drain_ready_i && f_released_count != 0;
  if (n_drained) begin
    n_offset = f_address - drain_addr_o;
    if (n_offset < drain_size_o) n_memory = drain_data_o[8*n_offset[LaneWidth-1:0] +: 8];
    n_released_count = n_released_count - 1;
    if (n_released_at != 0) n_released_at = n_released_at - 1;
    if (n_gated_at != 0) n_gated_at = n_gated_at - 1;
  end
  if (commit_i) begin
    n_released_count = n_released_count + n_gated_count;
    if (n_is_gated) begin
      n_committed = n_gated;
      n_released_at = n_gated_at;
    end
  end
  if (commit_i || rollback_i) begin
    n_gated_count = 0;
    n_device_count = 0;
    n_is_gated = 0;
    n_gated_at = 0;
  end
end

always @(posedge clk_i) begin
  f_memory <= n_memory;
  f_committed <= n_committed;
  f_gated <= n_gated;
  f_is_gated <= n_is_gated;
  f_released_at <= n_released_at;
  f_gated_at <= n_gated_at;
  f_released_count <= n_released_count;
  f_gated_count <= n_gated_count;
  f_device_count <= n_device_count;
  f_device_addr <= n_device_addr;
  f_device_size <= n_device_size;
  f_device_data <= n_device_data;
  if (!rst_ni) begin
    f_memory <= f_initial;
    f_committed <= f_initial;
    f_is_gated <= 0;
    f_released_at <= 0;
    f_gated_at <= 0;
    f_released_count <= 0;
    f_gated_count <= 0;
    f_device_count <= 0;
  end
end

// -- what is proved -----------------------------------------------------------------------------------------------------------
always @* if (rst_ni) begin
  // Rules S1, S3, S4, S6: occupancy.
  CountsGated:    assert (gated_o == f_gated_count + f_device_count);
  CountsReleased: assert (released_o == f_released_count);
  DrainsReleased: assert (drain_valid_o == (f_released_count != 0));
  // Rule D11: the window shows each device store that a commit would send.
  CountsDevices:  assert (commit_i || rollback_i || device_count_o == n_device_count);
  WindowOnDevices: assert (device_index_i != f_device || f_device >= device_count_o ||
                           (device_addr_o == n_device_addr && device_size_o == n_device_size && device_data_o == n_device_data));
end

// Names of assertions must be unique, so what holds for each port and each entry is gathered in vectors.
reg [LoadPorts-1:0] f_sees_committed, f_sees_newest, f_hits_exactly, f_else_zero;
for (genvar p = 0; p < LoadPorts; p = p + 1) begin : f_loads
  reg [AddrWidth-1:0] at;
  reg [7:0]           forwarded, value;
  reg                 hit, asked;
  always @* begin
    at = f_address - load_addr_i[p*AddrWidth +: AddrWidth];
    asked = at < Bytes;
    hit = load_hit_o[p*Bytes + at[LaneWidth-1:0]];
    forwarded = load_data_o[p*DataWidth + 8*at[LaneWidth-1:0] +: 8];
    value = hit ? forwarded : f_memory;
    f_sees_committed[p] = !asked || load_guest_i[p] || value == f_committed;
    f_sees_newest[p]    = !asked || !load_guest_i[p] || value == (f_is_gated ? f_gated : f_committed);
    f_hits_exactly[p]   = !asked || hit == (f_released_at != 0 || (load_guest_i[p] && f_is_gated));
    f_else_zero[p]      = !asked || hit || forwarded == 0;
  end
end
always @* if (rst_ni) begin
  // No store escapes before its commit, rollback leaves no trace, released stores are never lost or overtaken:
  // who does not see gated stores finds what the commits have stored.
  SeesCommitted: assert (&f_sees_committed);
  // Forwarding returns the newest byte.
  SeesNewest:    assert (&f_sees_newest);
  // And says exactly which bytes it has (rule D9).
  HitsExactly:   assert (&f_hits_exactly);
  ElseZero:      assert (&f_else_zero);
end

`ifdef INDUCTION
// -- what makes induction close: the state that can be reached ----------------------------------------------------------
reg [Entries-1:0] f_well_formed, f_newest, f_placed, f_device_stored;
for (genvar e = 0; e < Entries; e = e + 1) begin : f_entries
  reg [AddrWidth-1:0] into;
  reg                 holds, taken, is_released, is_newest_released, is_newest_gated;
  reg [7:0]           value;
  always @* begin
    into = f_address - {granule_q[e], lane_q[e]};
    holds = into < size_q[e];
    taken = age[e] < released_q + gated_q;
    is_released = age[e] < released_q;
    is_newest_released = age[e] + 1 == f_released_at;
    is_newest_gated = age[e] + 1 == f_gated_at;
    f_well_formed[e] = !taken || (size_q[e] != 0 && size_q[e] <= Bytes &&
                                  {high_q[e], low_q[e]} == lanes_taken(size_q[e], lane_q[e]));
    f_newest[e] = !taken || !holds || age[e] < (is_released ? f_released_at : f_gated_at);
    value = data_q[e][8*f_address[LaneWidth-1:0] +: 8];
    f_placed[e] = !taken || ((!is_newest_released || (holds && value == f_committed)) &&
                             (!is_newest_gated || (holds && value == f_gated)));
    f_device_stored[e] = e != f_device || f_device >= device_q ||
                         (device_addr_q[e] == f_device_addr && device_size_q[e] == f_device_size && device_data_q[e] == f_device_data);
  end
end
always @* if (rst_ni) begin
  HeadInRange:  assert (head_q < Entries);
  CountsFit:    assert ({2'b0, gated_q} + {2'b0, device_q} + {2'b0, released_q} <= Entries);
  SplitCounts:  assert (gated_q == f_gated_count && device_q == f_device_count);
  WellFormed:   assert (&f_well_formed);
  Newest:       assert (&f_newest);
  Placed:       assert (&f_placed);
  DeviceStored: assert (&f_device_stored);
  Drained:      assert (f_released_at != 0 || f_memory == f_committed);
  PlacesFit:    assert (f_is_gated == (f_gated_at != 0) && f_released_at <= released_q &&
                        f_gated_at <= released_q + gated_q && (f_gated_at == 0 || f_gated_at > released_q));
end
`endif
