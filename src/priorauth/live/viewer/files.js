// Files on their way: from this machine to a page that asked for some, and from the portal to this machine.

const LIMIT = 25 * 1024 * 1024;
const PIECE = 64 * 1024;
const BUFFERED = 1024 * 1024;

export function sizeOf(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

// Returns what to say about it.
export async function giveFiles(connection, overlay, files) {
  if (!files.length) return "Choose a file first.";
  if (files.reduce((sum, file) => sum + file.size, 0) > LIMIT) return `Together they are larger than ${sizeOf(LIMIT)}.`;
  for (const file of files) {
    connection.send({ type: "file", name: file.name.replace(/[/\\\0]/g, "_").slice(-255), media: file.type, size: file.size });
    for (let start = 0; start < file.size; start += PIECE) {
      connection.send(await file.slice(start, start + PIECE).arrayBuffer());
      while (connection.isOpen && connection.buffered > BUFFERED) await new Promise((done) => setTimeout(done, 20));
    }
  }
  connection.send({ type: "files", overlay });
  return "Sent.";
}

export class Savings {
  constructor(send) {
    this.send = send;
    this.under = new Map();
  }

  save(overlay) {
    if (this.under.has(overlay.id)) return;
    this.under.set(overlay.id, { ...overlay, pieces: [], left: overlay.size });
    this.send({ type: "save", overlay: overlay.id });
  }

  take(id, piece) {
    const file = this.under.get(id);
    if (!file) return;
    file.pieces.push(piece);
    file.left -= piece.byteLength;
    if (file.left > 0) return;
    this.under.delete(id);
    const link = document.createElement("a");
    link.download = file.name;
    link.href = URL.createObjectURL(new Blob(file.pieces, { type: "application/octet-stream" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.send({ type: "dismiss", overlay: id });
  }

  clear() {
    this.under.clear();
  }
}
