// Files on their way: from this machine to a page that asked for some, and from the portal to this machine.

const LIMIT = 25 * 1024 * 1024;
const COUNT_LIMIT = 100;
const PIECE = 64 * 1024;
const BUFFERED = 1024 * 1024;

export function sizeOf(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

let sending = false;

// Sends files, and then the message that says what they are for. Returns why they were not sent, or null.
export async function giveFiles(connection, files, message) {
  if (!files.length) return "Choose a file first.";
  if (files.length > COUNT_LIMIT) return `These are more than ${COUNT_LIMIT} files.`;
  if (sending) return "Other files are still being sent.";
  if (files.reduce((sum, file) => sum + file.size, 0) > LIMIT) return `Together they are larger than ${sizeOf(LIMIT)}.`;
  const { socket } = connection;
  sending = true;
  try {
    await sendAll(connection, files, socket);
  } catch {
    if (connection.socket !== socket) return "The connection broke. Send the files again.";
    // Begun and not ended: only a new connection forgets it.
    connection.drop();
    return "The file could not be read. A folder cannot be sent.";
  } finally {
    sending = false;
  }
  connection.send(message);
  return null;
}

async function sendAll(connection, files, socket) {
  for (const file of files) {
    connection.send({ type: "file", name: file.name.replace(/[/\\\0]/g, "_").slice(-255), media: file.type, size: file.size });
    for (let start = 0; start < file.size; start += PIECE) {
      const piece = await file.slice(start, start + PIECE).arrayBuffer();
      // What was begun on another connection does not go on here.
      if (connection.socket !== socket) throw new Error("The connection broke.");
      connection.send(piece);
      while (connection.isOpen && connection.buffered > BUFFERED) await new Promise((done) => setTimeout(done, 20));
    }
  }
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
