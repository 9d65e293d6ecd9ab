// What the alias unit promises, for one entry, one store port and one byte that the solver chooses. Part of
// alias_unit.sv. Two ranges overlap when they have a byte in common: that is the definition used here, and no comparison
// of ends.

reg f_started = 1'b0;
always @(posedge clk_i) f_started <= 1'b1;
always @* assume (rst_ni == f_started);

(* anyconst *) reg [NameWidth-1:0] f_entry;
(* anyconst *) reg [AddrWidth-1:0] f_byte;

// -- environment ------------------------------------------------------------------------------------------------------------
reg f_ends_inside, f_one_writer;
integer f_p, f_r;
always @* begin
  f_ends_inside = 1;
  for (f_p = 0; f_p < 2*LoadPorts; f_p = f_p + 1)
    if ({1'b0, protect_addr_i[f_p*AddrWidth +: AddrWidth]} + protect_size_i[f_p*SizeWidth +: SizeWidth] > (1 << AddrWidth)) f_ends_inside = 0;
  for (f_p = 0; f_p < 2*StorePorts; f_p = f_p + 1)
    if ({1'b0, check_addr_i[f_p*AddrWidth +: AddrWidth]} + check_size_i[f_p*SizeWidth +: SizeWidth] > (1 << AddrWidth)) f_ends_inside = 0;
  f_one_writer = 1;
  for (f_p = 1; f_p < LoadPorts; f_p = f_p + 1)
    for (f_r = 0; f_r < f_p; f_r = f_r + 1)
      if (protect_valid_i[f_p] && protect_valid_i[f_r] &&
          protect_entry_i[f_p*NameWidth +: NameWidth] == protect_entry_i[f_r*NameWidth +: NameWidth]) f_one_writer = 0;
end
always @* assume (f_ends_inside && f_one_writer);

// -- the model: what was last protected in the entry --------------------------------------------------------------------------
reg                 f_valid;
reg [AddrWidth-1:0] f_addr [2];
reg [SizeWidth-1:0] f_size [2];
always @(posedge clk_i) begin
  for (f_p = 0; f_p < LoadPorts; f_p = f_p + 1) begin
    if (protect_valid_i[f_p] && protect_entry_i[f_p*NameWidth +: NameWidth] == f_entry) begin
      f_valid <= 1;
      for (f_r = 0; f_r < 2; f_r = f_r + 1) begin
        f_addr[f_r] <= protect_addr_i[(2*f_p + f_r)*AddrWidth +: AddrWidth];
        f_size[f_r] <= protect_size_i[(2*f_p + f_r)*SizeWidth +: SizeWidth];
      end
    end
  end
  if (!rst_ni || clear_i) f_valid <= 0;
end

// -- what is proved ---------------------------------------------------------------------------------------------------------------
reg [StorePorts-1:0] f_every, f_nothing_else, f_absent, f_unmasked;
for (genvar p = 0; p < StorePorts; p = p + 1) begin : f_stores
  reg hit, masked, byte_stored, byte_protected, common;
  reg [AddrWidth-1:0] later;   // the later of two beginnings: a byte of both, if any is
  integer s, r;
  always @* begin
    hit = hits_o[p*MaxEntries + f_entry];
    masked = check_mask_i[p*MaxEntries + f_entry];
    byte_stored = 0;
    byte_protected = 0;
    common = 0;
    later = 0;
    for (s = 0; s < 2; s = s + 1) begin
      if ((f_byte - check_addr_i[(2*p + s)*AddrWidth +: AddrWidth]) < check_size_i[(2*p + s)*SizeWidth +: SizeWidth] &&
          f_byte >= check_addr_i[(2*p + s)*AddrWidth +: AddrWidth]) byte_stored = 1;
      if (f_byte >= f_addr[s] && (f_byte - f_addr[s]) < f_size[s]) byte_protected = 1;
      for (r = 0; r < 2; r = r + 1) begin
        later = f_addr[r] > check_addr_i[(2*p + s)*AddrWidth +: AddrWidth] ? f_addr[r] : check_addr_i[(2*p + s)*AddrWidth +: AddrWidth];
        if ((later - f_addr[r]) < f_size[r] &&
            (later - check_addr_i[(2*p + s)*AddrWidth +: AddrWidth]) < check_size_i[(2*p + s)*SizeWidth +: SizeWidth]) common = 1;
      end
    end
    f_every[p]        = f_entry >= Entries || !(masked && f_valid && byte_stored && byte_protected) || hit;
    f_nothing_else[p] = f_entry >= Entries || !hit || (f_valid && common);
    f_absent[p]       = f_entry < Entries || hit == masked;
    f_unmasked[p]     = masked || !hit;
  end
end
always @* if (rst_ni) begin
  EveryOverlapFaults: assert (&f_every);
  NothingElseDoes:    assert (&f_nothing_else);
  AbsentEntriesHit:   assert (&f_absent);
  OnlyMasked:         assert (&f_unmasked);
  ShowsValid:         assert (f_entry >= Entries || valid_o[f_entry] == f_valid);
end

`ifdef INDUCTION
reg [Entries-1:0] f_same;
for (genvar e = 0; e < Entries; e = e + 1) begin : f_entries
  always @* f_same[e] = e != f_entry || (valid_q[e] == f_valid &&
    (!f_valid || (begin_q[2*e] == f_addr[0] && end_q[2*e] == {1'b0, f_addr[0]} + f_size[0] && end_q[2*e] <= (1 << AddrWidth) &&
                  begin_q[2*e+1] == f_addr[1] && end_q[2*e+1] == {1'b0, f_addr[1]} + f_size[1] && end_q[2*e+1] <= (1 << AddrWidth))));
end
always @* if (rst_ni) begin
  Recorded: assert (&f_same);
end
`endif
