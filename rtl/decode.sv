// The decoder: from words to atoms, or to the error that makes them no molecule of this machine.
//
// Combinational. Everything about an atom comes from isa_pkg's tables; the order of the checks is that of
// isa-host/codec.cpp, since the first error is the one that software sees in EINFO.
`include "loops.svh"

module decode
  import isa_pkg::*;
  import platform_pkg::*;
(
  input  logic [31:0]  word_i [MaxWords],
  input  logic [3:0]   available_i,            // words that memory has; 0: no code can be here
  input  straps_t      straps_i,
  input  logic [8:0]   slot_units_i [MaxWords],
  input  logic [7:0]   latency_i [NumLatencies],

  output logic         fault_o,
  output logic [15:0]  fault_info_o,           // EINFO of the illegal molecule
  output logic [3:0]   count_o,                // atoms
  output logic [5:0]   bytes_o,

  output atom_info_t   info_o  [MaxWords],
  output logic [9:0]   row_o   [MaxWords],
  output logic [5:0]   rd_o    [MaxWords],
  output logic [5:0]   ra_o    [MaxWords],
  output logic [5:0]   rb_o    [MaxWords],
  output logic [5:0]   rc_o    [MaxWords],
  output logic [2:0]   fd_o    [MaxWords],
  output logic         literal_o [MaxWords],   // the second source is the literal
  output logic         long_o  [MaxWords],
  output logic [3:0]   cond_o  [MaxWords],
  output logic [1:0]   scale_o [MaxWords],
  output logic [7:0]   alias_o [MaxWords],
  output logic [11:0]  selector_o [MaxWords],  // Atom::count
  output logic [63:0]  imm_o   [MaxWords],

  output logic [127:0] needs_o,                // registers read or written: integer, floating point above
  output logic [19:0]  effects_o,              // of all atoms together
  output logic [7:0]   div_cycles_o,           // for which the iterative units are taken
  output logic [7:0]   fp_div_cycles_o
);
  // Adds latencies of one unit's atoms; no machine file allows more than 255.
  function automatic logic [7:0] saturated(input logic [10:0] sum);
    return sum > 11'd255 ? 8'd255 : sum[7:0];
  endfunction

  always_comb begin
    logic        stop;
    logic [4:0]  error;
    logic [3:0]  literals, at;
    logic [127:0] written;
    logic [7:0]  entries;
    logic        branch, last, refused;
    logic [3:0]  slot;
    logic [10:0] div, fp_div;
    logic [31:0]  word;
    logic [15:0]  entry;
    logic [1:0]   mode;
    atom_layout_t at_bits;
    atom_info_t   info;
    logic [TargetBits-1:0]  target;
    logic [LiteralBits-1:0] value;
    logic [127:0] writes, reads;

    word            = '0;
    entry           = '0;
    mode            = '0;
    at_bits         = '0;
    info            = '0;
    target          = '0;
    value           = '0;
    writes          = '0;
    reads           = '0;
    stop            = 1'b0;
    error           = 5'(ErrNone);
    count_o         = '0;
    needs_o         = '0;
    effects_o       = '0;
    written         = '0;
    entries         = '0;
    branch          = 1'b0;
    last            = 1'b0;
    refused         = 1'b0;
    literals        = '0;
    slot            = '0;
    div             = '0;
    fp_div          = '0;
    `ROLLED(i, MaxWords) begin
      info_o[i]     = '0;
      row_o[i]      = '0;
      rd_o[i]       = '0;
      ra_o[i]       = '0;
      rb_o[i]       = '0;
      rc_o[i]       = '0;
      fd_o[i]       = '0;
      literal_o[i]  = 1'b0;
      long_o[i]     = 1'b0;
      cond_o[i]     = '0;
      scale_o[i]    = '0;
      alias_o[i]    = '0;
      selector_o[i] = '0;
      imm_o[i]      = '0;
    end

    if (available_i == 4'd0) error = 5'(ErrMisaligned);
    // -- the atom words, up to the one that stops -------------------------------------------------------------
    `ROLLED(i, MaxWords) begin
      if (!stop && error == 5'(ErrNone)) begin
        if (4'(i) >= available_i) begin
          error = 5'(ErrTruncated);
        end else begin
          word  = word_i[i];
          entry = DecodeOpcode[word[30:23]];
          if (entry[15:13] == 3'(DecodeNext)) entry = DecodeMiddle[entry[10:0] + 11'(word[22:18])];
          if (entry[15:13] == 3'(DecodeLow)) entry = DecodeRegister[entry[9:0] + 10'(word[5:0])];
          else if (entry[15:13] == 3'(DecodeMid)) entry = DecodeRegister[entry[9:0] + 10'(word[17:12])];
          row_o[i] = entry[9:0];
          if (entry[15:13] != 3'(DecodeRow) || (word & AtomMask[entry[8:0]]) != AtomBits[entry[8:0]]) begin
            error = 5'(ErrUnknownOpcode);
          end else begin
            info          = atom_info_t'(AtomInfo[entry[8:0]]);
            at_bits       = atom_layout_t'(AtomLayout[entry[8:0]]);
            mode          = field_mode(word, at_bits.mode);
            info_o[i]     = info;
            rd_o[i]       = field_rd(word, at_bits.rd);
            ra_o[i]       = field_ra(word, at_bits.ra);
            rb_o[i]       = field_rb(word, at_bits.rb);
            rc_o[i]       = field_rc(word, at_bits.rc);
            fd_o[i]       = field_fd(word, at_bits.fd);
            cond_o[i]     = field_cond(word, at_bits.cond);
            scale_o[i]    = field_scale(word, at_bits.scale);
            alias_o[i]    = 8'(field_entry(word, at_bits.entry)) | field_mask(word, at_bits.mask);
            selector_o[i] = 12'(field_count(word, at_bits.count)) | 12'(field_special(word, at_bits.special));
            if (mode == 2'd3 || !info.modes[mode]) begin
              error = 5'(ErrBadMode);
            end else if (mode == 2'd1) begin
              if (info.operands[OpdReadsRm]) begin
                imm_o[i] = {{58{word[5]}}, word[5:0]};
                rb_o[i]  = '0;
              end else if (info.operands[OpdTarget]) begin
                target   = field_target(word, at_bits.target);
                imm_o[i] = {{62 - TargetBits{target[TargetBits-1]}}, target, 2'b00};
              end else begin
                value    = field_literal(word, at_bits.literal);
                imm_o[i] = {{64 - LiteralBits{value[LiteralBits-1]}}, value};
              end
            end else if (field_target(word, at_bits.target) != '0 || field_literal(word, at_bits.literal) != '0) begin
              error = 5'(ErrBadField);
            end
            literal_o[i] = info.operands[OpdReadsRm] && mode != 2'd0;
            long_o[i]    = mode == 2'd2;
            if (error == 5'(ErrNone)) begin
              if (info.operands[OpdReadsRm] && mode == 2'd2 && rb_o[i] != '0) error = 5'(ErrBadRegister);
              else if (at_bits.special != '0 && 32'(selector_o[i]) >= NumSpecials) error = 5'(ErrBadField);
              else if (32'(row_o[i]) == OpFConst80 && 32'(selector_o[i]) >= NumFpConstants) error = 5'(ErrBadField);
            end
            if (long_o[i]) literals = literals + 4'd1;
            stop    = word[31];
            count_o = 4'(i + 1);
          end
        end
      end
    end
    if (!stop && error == 5'(ErrNone)) error = 5'(ErrTooLong);
    // -- literal words ------------------------------------------------------------------------------------------
    at = count_o;
    if (error == 5'(ErrNone)) begin
      `ROLLED(i, MaxWords) begin
        if (long_o[i] && 4'(i) < count_o && error == 5'(ErrNone)) begin
          if (at >= available_i) begin
            error = available_i == 4'(MaxWords) ? 5'(ErrTooLong) : 5'(ErrTruncated);
          end else begin
            imm_o[i] = 32'(row_o[i]) == OpCommit ? {32'd0, word_i[at[2:0]]} : {{32{word_i[at[2:0]][31]}}, word_i[at[2:0]]};
            at       = at + 4'd1;
          end
        end
      end
    end
    bytes_o = {at, 2'b00};
    // -- the molecule as a whole ----------------------------------------------------------------------------------
    if (error == 5'(ErrNone)) begin
      `ROLLED(i, MaxWords) begin
        if (4'(i) < count_o && error == 5'(ErrNone)) begin
          writes  = '0;
          reads   = '0;
          info    = info_o[i];
          if (info.operands[OpdReadsRa]) reads[{1'b0, ra_o[i]}] = 1'b1;
          if (info.operands[OpdReadsRb] || (info.operands[OpdReadsRm] && !literal_o[i])) reads[{1'b0, rb_o[i]}] = 1'b1;
          if (info.operands[OpdReadsRc]) reads[{1'b0, rc_o[i]}] = 1'b1;
          if (info.operands[OpdReadsRd]) reads[{1'b0, rd_o[i]}] = 1'b1;
          if (info.operands[OpdReadsVa]) reads[{1'b1, ra_o[i]}] = 1'b1;
          if (info.operands[OpdReadsVb]) reads[{1'b1, rb_o[i]}] = 1'b1;
          if (info.operands[OpdReadsVd]) reads[{1'b1, rd_o[i]}] = 1'b1;
          if (info.operands[OpdWritesRd]) writes[{1'b0, rd_o[i]}] = 1'b1;
          if (info.operands[OpdWritesVd]) writes[{1'b1, rd_o[i]}] = 1'b1;
          writes[63] = 1'b0;
          if (fd_o[i] != '0) begin
            if (info.effects[EffReadsFd]) reads[7'd8 + 7'(fd_o[i])] = 1'b1;
            // An atom's own value and flags may go to one register: then it is written twice.
            if (info.effects[EffWritesFd] && writes[7'd8 + 7'(fd_o[i])]) error = 5'(ErrDoubleWrite);
            if (info.effects[EffWritesFd]) writes[7'd8 + 7'(fd_o[i])] = 1'b1;
          end
          reads[63] = 1'b0;
          if (info.operands[OpdTarget] && imm_o[i][1:0] != 2'b00) error = 5'(ErrBadLiteral);
          else if ((writes & written) != '0) error = 5'(ErrDoubleWrite);
          else if (info.effects[EffProtect] && entries[alias_o[i][2:0]] && error == 5'(ErrNone)) error = 5'(ErrDoubleWrite);
          if (error == 5'(ErrNone)) begin
            if (info.effects[EffBranch] && branch) error = 5'(ErrTwoBranches);
            else if ((info.effects[EffCommit] || info.effects[EffRollback] || info.effects[EffSerializing]) && last) error = 5'(ErrTwoSerializing);
          end
          written   = written | writes;
          needs_o   = needs_o | reads | writes;
          effects_o = effects_o | info.effects;
          if (info.effects[EffProtect]) entries[alias_o[i][2:0]] = 1'b1;
          branch    = branch || info.effects[EffBranch];
          last      = last || info.effects[EffCommit] || info.effects[EffRollback] || info.effects[EffSerializing];
          // Slots, greedily; and whether the machine has the address form.
          `ROLLED(s, MaxWords) begin
            if (4'(s) == slot && slot < straps_i.width &&
                !(slot_units_i[s] != '0 && (info.unit == 4'(UnitAny) || slot_units_i[s][info.unit]))) slot = slot + 4'd1;
          end
          if (slot >= straps_i.width) refused = 1'b1;
          slot = slot + 4'd1;
          if (!straps_i.offset && (info.effects[EffGuest] || info.effects[EffConcealed])) begin
            if (info.operands[OpdReadsRm] && !(literal_o[i] && !long_o[i] && imm_o[i] == '0)) refused = 1'b1;
            if (info.operands[OpdOptionalLong] && long_o[i]) refused = 1'b1;
          end
          if (32'(info.latency) == LatDiv) div = div + 11'(latency_i[LatDiv]);
          if (32'(info.latency) == LatFpDiv || 32'(info.latency) == LatFpSqrt) fp_div = fp_div + 11'(latency_i[info.latency]);
        end
      end
      if (5'(count_o) + 5'(literals) > 5'(straps_i.width) || literals > straps_i.literal_slots) refused = 1'b1;
    end
    div_cycles_o    = saturated(div);
    fp_div_cycles_o = saturated(fp_div);
    fault_o         = error != 5'(ErrNone) || refused;
    fault_info_o    = error != 5'(ErrNone) ? 16'(error) : 16'(InfoNotThisMachine);
    if (fault_o) begin
      count_o         = '0;
      bytes_o         = 6'd4;
      needs_o         = '0;
      effects_o       = '0;
      div_cycles_o    = '0;
      fp_div_cycles_o = '0;
    end
  end
endmodule
